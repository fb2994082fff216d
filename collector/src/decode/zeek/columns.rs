//! Zeek's lines of tabs. Their `#fields` header is a record of its own, and what a source sent before must not choose
//! how a record is read; so the default columns of each log are told by their number and by what stands in them.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, name_of};

/// Most members of a list that become values.
const MEMBERS_MAX: usize = 200;

/// The default columns of a log. A letter behind a colon tells what is no text: `n` a number, `b` T or F, `v` a list.
struct Columns {
    log: &'static str,
    /// Behind `ts uid id.orig_h id.orig_p:n id.resp_h id.resp_p:n`.
    names: &'static str,
    /// A column, and what stands in it in this log alone.
    told: (&'static str, fn(&str) -> bool),
}

const CONNECTION: &str = "ts uid id.orig_h id.orig_p:n id.resp_h id.resp_p:n";

static LOGS: [Columns; 12] = [
    Columns {
        log: "conn",
        names: "proto service duration orig_bytes:n resp_bytes:n conn_state local_orig:b local_resp:b missed_bytes:n \
                history orig_pkts:n orig_ip_bytes:n resp_pkts:n resp_ip_bytes:n tunnel_parents:v",
        told: ("conn_state", is_state),
    },
    Columns {
        log: "conn",
        names: "proto service duration orig_bytes:n resp_bytes:n conn_state local_orig:b local_resp:b missed_bytes:n \
                history orig_pkts:n orig_ip_bytes:n resp_pkts:n resp_ip_bytes:n tunnel_parents:v ip_proto:n",
        told: ("conn_state", is_state),
    },
    Columns {
        log: "dns",
        names: "proto trans_id:n rtt query qclass:n qclass_name qtype:n qtype_name rcode:n rcode_name AA:b TC:b RD:b RA:b \
                Z:n answers:v TTLs:v rejected:b",
        told: ("AA", is_truth),
    },
    Columns {
        log: "http",
        names: "trans_depth:n method host uri referrer version user_agent origin request_body_len:n response_body_len:n \
                status_code:n status_msg info_code:n info_msg tags:v username password proxied:v orig_fuids:v \
                orig_filenames:v orig_mime_types:v resp_fuids:v resp_filenames:v resp_mime_types:v",
        told: ("trans_depth", is_number),
    },
    Columns {
        log: "ssl",
        names: "version cipher curve server_name resumed:b last_alert next_protocol established:b ssl_history \
                cert_chain_fps:v client_cert_chain_fps:v sni_matches_cert:b",
        told: ("established", is_truth),
    },
    Columns {
        log: "ssl",
        names: "version cipher curve server_name resumed:b last_alert next_protocol established:b ssl_history \
                cert_chain_fps:v client_cert_chain_fps:v sni_matches_cert:b validation_status",
        told: ("established", is_truth),
    },
    Columns { log: "dce_rpc", names: "rtt named_pipe endpoint operation", told: ("operation", is_operation) },
    Columns { log: "smb_mapping", names: "path service native_file_system share_type", told: ("share_type", is_share) },
    Columns {
        log: "smb_files",
        names: "fuid action path name size:n prev_name times.modified times.accessed times.created times.changed",
        told: ("action", |text| text.starts_with("SMB::")),
    },
    Columns {
        log: "ntlm",
        names: "username hostname domainname server_nb_computer_name server_dns_computer_name server_tree_name success:b",
        told: ("success", |text| is_truth(text) || text == "-"),
    },
    Columns {
        log: "kerberos",
        names: "request_type client service success:b error_msg from till cipher forwardable:b renewable:b \
                client_cert_subject client_cert_fuid server_cert_subject server_cert_fuid",
        told: ("request_type", |text| matches!(text, "AS" | "TGS")),
    },
    Columns {
        log: "ssh",
        names: "version:n auth_success:b auth_attempts:n direction client server cipher_alg mac_alg compression_alg \
                kex_alg host_key_alg host_key",
        told: ("version", is_number),
    },
];

/// Lines that tell of the file and not of the network.
const HEADERS: [&str; 9] = [
    "#separator ",
    "#set_separator",
    "#empty_field",
    "#unset_field",
    "#path\t",
    "#open\t",
    "#close\t",
    "#fields\t",
    "#types\t",
];

fn is_state(text: &str) -> bool {
    const STATES: [&str; 13] =
        ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];
    STATES.contains(&text)
}

fn is_truth(text: &str) -> bool {
    matches!(text, "T" | "F")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_share(text: &str) -> bool {
    matches!(text, "DISK" | "PIPE" | "PRINT" | "SERIAL" | "-")
}

fn is_operation(text: &str) -> bool {
    !is_share(text)
}

pub(super) fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if HEADERS.iter().any(|header| line.text.starts_with(header)) {
        event.push("event.dataset", "zeek.header")?;
        return Ok(Fit::Yes);
    }
    if !begins(line.text) {
        return Ok(Fit::No);
    }
    let count = line.text.split('\t').count();
    let Some(columns) = LOGS.iter().find(|columns| columns.fit(line.text, count)) else { return Ok(Fit::No) };
    let mut name = String::with_capacity(48);
    for (column, value) in columns.all().zip(line.text.split('\t')) {
        let (column, kind) = column.split_once(':').unwrap_or((column, ""));
        if matches!(value, "-" | "(empty)" | "") {
            continue;
        }
        name.clear();
        name_of(columns.log, column, &mut name);
        push(&name, kind, value, event)?;
    }
    event.push("event.dataset", format!("zeek.{}", columns.log).as_str())?;
    let time = line.text.split('\t').next().and_then(|text| dates.epoch_text(text));
    Ok(Fit::At(time))
}

/// `1793664004.123456 TAB C… TAB ADDRESS TAB PORT TAB ADDRESS TAB PORT TAB`.
fn begins(text: &str) -> bool {
    let mut words = text.split('\t');
    let mut next = || words.next().unwrap_or_default();
    let is_time = |text: &str| text.split_once('.').is_some_and(|(secs, rest)| is_number(secs) && is_number(rest));
    is_time(next())
        && next().starts_with('C')
        && crate::normalise::is_ip(next())
        && is_number(next())
        && crate::normalise::is_ip(next())
        && is_number(next())
}

impl Columns {
    fn all(&self) -> impl Iterator<Item = &'static str> {
        CONNECTION.split(' ').chain(self.names.split(' ').filter(|name| !name.is_empty()))
    }

    fn fit(&self, text: &str, count: usize) -> bool {
        let (told, holds) = &self.told;
        let is_told = |column: &str| column.split(':').next() == Some(*told);
        self.all().count() == count
            && self.all().zip(text.split('\t')).any(|(column, value)| is_told(column) && holds(value))
    }
}

fn push(name: &str, kind: &str, value: &str, event: &mut Event) -> Result<(), EventFull> {
    match kind {
        "n" => match value.parse::<i64>() {
            Ok(number) => event.push(name, number),
            Err(_) => event.push(name, value),
        },
        "b" if is_truth(value) => event.push(name, value == "T"),
        "v" => value.split(',').take(MEMBERS_MAX).try_for_each(|one| event.push(name, one)),
        _ => event.push(name, value),
    }
}
