//! Sections of the manual pages that the definition of the command line does not have.

/// Terms of a section, each with its meaning.
type Terms = &'static [(&'static str, &'static str)];

pub(super) const EXIT_STATUS: Terms = &[
    ("0", "Compliant; or everything requested was done."),
    ("1", "Error: a part could not be scanned, judged or done."),
    ("2", "Usage: the command line is invalid, or a question had no answer."),
    ("3", "Exposures were found, or remain; for scan, see --fail-on and --no-fail."),
    ("130", "Ctrl-C ended close or restore after the group that it was at. Every other command ends by the signal."),
];

pub(super) const ENVIRONMENT: Terms = &[
    #[cfg(feature = "aws")]
    (
        "AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
        "As for the AWS CLI. The option --profile wins over credentials in the environment, --region over AWS_REGION.",
    ),
    #[cfg(feature = "aws")]
    ("AWS_ENDPOINT_URL", "Endpoint of all services, such as that of the local cloud."),
    #[cfg(feature = "aws")]
    ("AWS_CA_BUNDLE", "File of PEM certificates to trust instead of those of the system."),
    ("PORTCULLIS_CONFIG", "Configuration file, unless --config names one."),
    ("NO_COLOR", "Disables colours if it is not empty."),
    ("COLUMNS", "Width of the table, instead of that of the terminal."),
    ("TMPDIR", "Directory in which a JSON report waits for its counts."),
    #[cfg(feature = "aws")]
    ("XDG_DATA_HOME", "Directory above the snapshots."),
];

pub(super) const FILES: Terms = &[
    #[cfg(feature = "aws")]
    ("~/.aws/config, ~/.aws/credentials", "Profiles of the AWS CLI."),
    #[cfg(feature = "aws")]
    (
        "~/.local/share/portcullis/snapshots",
        "Snapshots and holds of close and restore, unless --snapshot-dir or --snapshot-bucket is given. Nothing in it expires.",
    ),
    ("FILE of --config", "Options in TOML, by their long names. There is no default file."),
];

/// Examples of a command, by the name of its page: the purpose and the line.
pub(super) fn examples(page: &str) -> Terms {
    match page {
        "portcullis" => &[
            #[cfg(feature = "aws")]
            ("Scan the region of the profile:", "portcullis scan"),
            ("Scan a template before it is deployed:", "portcullis scan --input template.yaml"),
            #[cfg(feature = "aws")]
            ("Show what closing every open group would change:", "portcullis plan --all"),
            #[cfg(feature = "aws")]
            ("Undo a run of close:", "portcullis restore --run cli-1795248366817"),
        ],
        "portcullis-scan" => &[
            ("Judge a Terraform plan, from `terraform show -json`:", "portcullis scan --input plan.json"),
            (
                "Write two reports, and keep the exit code for errors:",
                "portcullis scan --input template.yaml --output report.html --output report.sarif --no-fail",
            ),
            #[cfg(feature = "aws")]
            ("Scan every region, with severities:", "portcullis scan --all-regions --with-context"),
            #[cfg(feature = "aws")]
            ("Scan every account of an organization:", "portcullis scan --organization Audit --all-regions"),
        ],
        "portcullis-explain" => &[
            ("Explain the verdict on a group of a template:", "portcullis explain Web --input template.yaml"),
            #[cfg(feature = "aws")]
            ("Explain the verdict on a group, by its name:", "portcullis explain web --region eu-central-1"),
            #[cfg(feature = "aws")]
            ("Also name who opened it:", "portcullis explain web --who"),
        ],
        "portcullis-routing" | "portcullis-routing-check" => &[
            ("Check a routing document:", "portcullis routing check routing.json"),
            (
                "Show who is told of a finding, and why:",
                "portcullis routing check routing.json --finding open.json --finding closed.json",
            ),
        ],
        "portcullis-completions" => &[(
            "Install the completions of bash:",
            "portcullis completions bash >~/.local/share/bash-completion/completions/portcullis",
        )],
        "portcullis-man" => &[("Install the manual pages:", "portcullis man --directory ~/.local/share/man/man1")],
        #[cfg(feature = "aws")]
        _ => live(page),
        #[cfg(not(feature = "aws"))]
        _ => &[],
    }
}

#[cfg(feature = "aws")]
fn live(page: &str) -> Terms {
    match page {
        "portcullis-plan" => &[
            ("Show the changes that would close one group:", "portcullis plan sg-0123456789abcdef0"),
            ("Keep the other ports of its rules:", "portcullis plan web --strategy carve"),
            ("Every open group of two regions:", "portcullis plan --all --region eu-central-1,us-east-1"),
        ],
        "portcullis-close" => &[
            ("Close a group, after a question:", "portcullis close sg-0123456789abcdef0"),
            ("Close every open group of a team, asking before each:", "portcullis close --tag team=shop"),
            ("Close by the options alone, without a deployed rule:", "portcullis close web --no-rule --ports 22"),
        ],
        "portcullis-restore" => &[
            ("Undo the last closing of a group:", "portcullis restore sg-0123456789abcdef0"),
            ("Undo everything that one run of close has changed:", "portcullis restore --run cli-1795248366817"),
        ],
        "portcullis-snapshots" => &[
            ("List the latest closings:", "portcullis snapshots"),
            ("List those of one group, as JSON:", "portcullis snapshots sg-0123456789abcdef0 --json"),
        ],
        "portcullis-findings" | "portcullis-findings-list" => &[
            ("List the open findings:", "portcullis findings list"),
            (
                "Closed findings of an owner, as JSON:",
                "portcullis findings list --state closed --owner shop@example.com --json",
            ),
        ],
        "portcullis-findings-show" => {
            &[("Show a finding with its history:", "portcullis findings show sg-0123456789abcdef0")]
        }
        "portcullis-findings-export" => &[
            (
                "Write all findings that are kept as CSV:",
                "portcullis findings export --state open,exempt,closed --output findings.csv",
            ),
            (
                "Write the severe ones as a page:",
                "portcullis findings export --min-severity high --format html --output findings.html",
            ),
        ],
        "portcullis-findings-mute" => &[(
            "Keep a finding from being sent until the end of a day (UTC):",
            "portcullis findings mute sg-0123456789abcdef0 --reason CHG-7 --until 2999-12-31",
        )],
        "portcullis-findings-unmute" => &[("Have it sent again:", "portcullis findings unmute sg-0123456789abcdef0")],
        "portcullis-exempt" | "portcullis-exempt-list" => &[("List the exemptions:", "portcullis exempt list")],
        "portcullis-exempt-add" => &[(
            "Exempt a port of a group until the end of a day (UTC):",
            "portcullis exempt add sg-0123456789abcdef0 --ports tcp/22 --expires 2999-12-31 --reason TICKET-7",
        )],
        "portcullis-exempt-remove" => {
            &[("Remove the exemptions of a group:", "portcullis exempt remove sg-0123456789abcdef0")]
        }
        _ => &[],
    }
}
