//! How groups are closed.

use ipnetwork::IpNetwork;
use remediation::StrategyName;

use crate::args::{StrategyArg, StrategyArgs};
use crate::exit::Usage;
use crate::values::check_host_bits;

/// How groups are closed.
pub(super) struct How {
    pub(super) strategy: StrategyName,
    pub(super) replacement_cidrs: Vec<IpNetwork>,
    pub(super) ignore_hold: bool,
    pub(super) ignore_pace: bool,
}

impl How {
    pub(super) fn new(args: &StrategyArgs, ignore_hold: bool, ignore_pace: bool) -> Result<Self, Usage> {
        if !args.replacement_cidr.is_empty() && args.strategy != StrategyArg::Replace {
            return Err(Usage("--replacement-cidr is only for --strategy replace".to_owned()));
        }
        let cidr = |text: &String| {
            let network = remediation::replacement_cidr(text).ok_or_else(|| {
                Usage(format!(
                    "--replacement-cidr: `{text}` is not a CIDR such as 10.0.0.0/8 or fd00::/8, with a prefix above /0"
                ))
            })?;
            // The template drops host bits, as EC2 does. A user at a terminal can correct them.
            let typed = text.trim().parse().unwrap_or(network);
            check_host_bits("--replacement-cidr", text.trim(), typed)?;
            Ok::<_, Usage>(network)
        };
        let replacement_cidrs = args.replacement_cidr.iter().map(cidr).collect::<Result<_, _>>()?;
        Ok(Self { strategy: args.strategy.into(), replacement_cidrs, ignore_hold, ignore_pace })
    }
}

impl From<StrategyArg> for StrategyName {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::Revoke => Self::Revoke,
            StrategyArg::Carve => Self::Carve,
            StrategyArg::Replace => Self::Replace,
        }
    }
}
