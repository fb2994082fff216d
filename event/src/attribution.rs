//! Where an event came from and how we know.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AgencyId, SiteId, SourceId};

/// How an event's site is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// By the client certificate of its connection: proven.
    Certificate,
    /// By the API token that sent it: proven.
    Token,
    /// By the address that a datagram or plain connection claims: not proven, never triggers an action by itself.
    Address,
    /// By the operator who imported it, or because it is this machine's own log.
    Operator,
    /// Not at all.
    Unknown,
}

impl KnownBy {
    /// Whether the sender proved who it is; only such events may trigger an automatic action.
    pub fn authenticated(self) -> bool {
        matches!(self, Self::Certificate | Self::Token | Self::Operator)
    }

    /// As it is written in `metrosoc.site.known_by`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Address => "address",
            Self::Operator => "operator",
            Self::Unknown => "unknown",
        }
    }
}

/// How a record reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Syslog in UDP datagrams (RFC 5426).
    SyslogUdp,
    /// Syslog over TCP (RFC 6587).
    SyslogTcp,
    /// Syslog over TLS (RFC 5425).
    SyslogTls,
    /// RELP over TLS.
    Relp,
    /// RELP over plain TCP.
    RelpPlain,
    /// HTTPS ingest: lines, NDJSON or `_bulk`.
    Http,
    /// OpenTelemetry logs, over gRPC or HTTP.
    Otlp,
    /// A log file that the configuration names.
    File,
    /// A file given to `metrosoc import`.
    Import,
    /// This machine's journal or log files.
    Local,
    /// `metrosoc edge` at a site: spooled there, shipped over mutual TLS.
    Edge,
    /// The product's own record: made here, by no sender.
    Own,
}

impl Transport {
    /// As it is written in metrics and in source ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyslogUdp => "syslog-udp",
            Self::SyslogTcp => "syslog-tcp",
            Self::SyslogTls => "syslog-tls",
            Self::Relp => "relp",
            Self::RelpPlain => "relp-plain",
            Self::Http => "http",
            Self::Otlp => "otlp",
            Self::File => "file",
            Self::Import => "import",
            Self::Local => "local",
            Self::Edge => "edge",
            Self::Own => "own",
        }
    }

    /// Reads what [`Transport::as_str`] writes; `None` for what no version of ours wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.replace('-', "_");
        Self::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name)).ok()
    }
}

/// Where records come from: made once a connection or file and shared by its events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The site, which is the certificate's or the register's, never the text's.
    pub site: SiteId,
    /// The agency that owns the site; `None` for unknown senders.
    pub agency: Option<AgencyId>,
    /// How the site is known.
    pub known_by: KnownBy,
    /// The stream of logs.
    pub source: SourceId,
    /// The way it came.
    pub transport: Transport,
    /// The sender's address where there is one, v4-mapped addresses as v4.
    pub peer: Option<IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_read_back() {
        for transport in
            [Transport::SyslogUdp, Transport::SyslogTls, Transport::Http, Transport::Local, Transport::Edge]
        {
            assert_eq!(Transport::parse(transport.as_str()), Some(transport));
        }
        assert_eq!(Transport::parse("pigeon"), None);
    }
}
