//! Ports with the names of the services that usually listen on them.

use std::cmp::Ordering;

/// A blocked port as the model names it: `tcp/22`, `udp/8000-8100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    /// Name in the model.
    pub(super) name: String,
    /// Service that usually listens on the port; empty if there is none.
    pub(super) service: &'static str,
}

impl Port {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), service: service(name) }
    }
}

/// Number to sort by: the first port of a range.
pub(super) fn number(port: &str) -> u32 {
    let number = port.rsplit('/').next().and_then(|range| range.split('-').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// Orders ports by number, then by transport.
pub(super) fn by_number(a: &str, b: &str) -> Ordering {
    number(a).cmp(&number(b)).then_with(|| a.cmp(b))
}

fn service(port: &str) -> &'static str {
    let Some((transport, number)) = port.split_once('/') else { return "" };
    match (transport, number) {
        (_, "53") => "DNS",
        ("udp", "161") => "SNMP",
        ("udp", "123") => "NTP",
        ("udp", "3389") => "RDP",
        ("udp", "11211") => "Memcached",
        ("tcp", number) => match number {
            "20" | "21" => "FTP",
            "22" => "SSH",
            "23" => "Telnet",
            "25" => "SMTP",
            "80" => "HTTP",
            "135" => "RPC",
            "139" => "NetBIOS",
            "389" => "LDAP",
            "443" => "HTTPS",
            "445" => "SMB",
            "1433" => "SQL Server",
            "1521" => "Oracle",
            "2375" | "2376" => "Docker",
            "2379" => "etcd",
            "3306" => "MySQL",
            "3389" => "RDP",
            "5432" => "PostgreSQL",
            "5439" => "Redshift",
            "5601" => "Kibana",
            "5900" => "VNC",
            "5985" | "5986" => "WinRM",
            "6379" => "Redis",
            "6443" => "Kubernetes",
            "9042" => "Cassandra",
            "9092" => "Kafka",
            "9200" => "Elastic",
            "11211" => "Memcached",
            "27017" => "MongoDB",
            _ => "",
        },
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_sort_by_number() {
        let mut ports = ["tcp/3389", "udp/22", "tcp/22", "udp/8000-8100", "tcp/443"];
        ports.sort_by(|a, b| by_number(a, b));
        assert_eq!(ports, ["tcp/22", "udp/22", "tcp/443", "tcp/3389", "udp/8000-8100"]);
    }

    #[test]
    fn a_service_is_named_only_where_it_listens() {
        assert_eq!([service("tcp/22"), service("udp/22"), service("tcp/20-25")], ["SSH", "", ""]);
    }
}
