//! Reading tables of sites and agencies: good rows are kept, faulty ones are reported with line and reason.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::net::{IpAddr, Ipv6Addr};

use csv::{ByteRecord, ReaderBuilder};
use event::{Agency, AgencyId, Site, SiteId};
use ipnet::{IpNet, Ipv4Net};

use super::register::Register;
use crate::SitesError;

/// Most bytes of a file.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most rows of a file.
const ROWS_MAX: usize = 100_000;
/// Most characters of a name.
const NAME_CHARS_MAX: usize = 200;
/// Most networks of one site.
const NETWORKS_MAX: usize = 256;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows that were there, faulty ones included.
    pub rows: usize,
    /// Rows that were new.
    pub added: usize,
    /// Rows that replaced others.
    pub updated: usize,
    /// Rows that were there already, word for word.
    pub unchanged: usize,
    /// Rows that were not taken.
    pub faults: Vec<RowFault>,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads sites. Networks that another site holds are a fault of the row.
pub(super) fn sites(csv: impl Read, register: &Register) -> Result<(Vec<Site>, ImportReport), SitesError> {
    let columns = ["id", "name", "agency", "data_center"];
    let optional = ["addresses", "latitude_deg", "longitude_deg", "ward_code"];
    let mut report = ImportReport::default();
    let rows = rows(csv, "sites", &columns, &optional, &mut report)?;
    let mut parsed: Vec<(u64, Site)> = Vec::new();
    let mut lines: HashMap<SiteId, u64> = HashMap::new();
    for row in rows {
        let site = site(&row).and_then(|site| match lines.insert(site.id.clone(), row.line) {
            Some(earlier) => {
                lines.insert(site.id.clone(), earlier);
                Err(format!("site `{}` stands in line {earlier} already", site.id))
            }
            None => Ok(site),
        });
        match site {
            Ok(site) => parsed.push((row.line, site)),
            Err(reason) => report.faults.push(RowFault { line: row.line, reason }),
        }
    }
    let sites = without_conflicts(parsed, register, &mut report);
    report.faults.sort_by_key(|fault| fault.line);
    Ok((sites, report))
}

/// Sorts out what a file changes, and counts it.
pub(super) fn compare<'s>(sites: &'s [Site], register: &Register, report: &mut ImportReport) -> Vec<&'s Site> {
    let mut changed = Vec::new();
    for site in sites {
        match register.by_id(&site.id) {
            Some(known) if *known == *site => report.unchanged += 1,
            Some(_) => {
                report.updated += 1;
                changed.push(site);
            }
            None => {
                report.added += 1;
                changed.push(site);
            }
        }
    }
    changed
}

/// Reads agencies.
pub(super) fn agencies(csv: impl Read, register: &Register) -> Result<(Vec<Agency>, ImportReport), SitesError> {
    let mut report = ImportReport::default();
    let rows = rows(csv, "agencies", &["id", "name"], &[], &mut report)?;
    let (mut agencies, mut seen) = (Vec::new(), HashSet::new());
    for row in rows {
        let agency = agency(&row).and_then(|agency| match seen.insert(agency.id.clone()) {
            true => Ok(agency),
            false => Err(format!("agency `{}` stands there twice", agency.id)),
        });
        match agency {
            Ok(agency) => match register.agency(&agency.id) {
                Some(known) if *known == agency => report.unchanged += 1,
                known => {
                    *(if known.is_some() { &mut report.updated } else { &mut report.added }) += 1;
                    agencies.push(agency);
                }
            },
            Err(reason) => report.faults.push(RowFault { line: row.line, reason }),
        }
    }
    report.faults.sort_by_key(|fault| fault.line);
    Ok((agencies, report))
}

/// The cells of one row by column.
struct Row {
    line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    fn cell(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn required(&self, column: &str) -> Result<&str, String> {
        match self.cell(column) {
            "" => Err(format!("`{column}` is empty")),
            cell => Ok(cell),
        }
    }

    fn name(&self, column: &str) -> Result<String, String> {
        let name = self.required(column)?;
        if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(format!("`{column}` is longer than {NAME_CHARS_MAX} characters or has control characters"));
        }
        Ok(name.to_owned())
    }

    fn degrees(&self, column: &str, bound: f64) -> Result<Option<f64>, String> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Ok(None);
        }
        let degrees = cell.parse::<f64>().ok().filter(|degrees| degrees.abs() <= bound);
        degrees.map(Some).ok_or_else(|| format!("`{column}` `{cell}` is no number from -{bound} to {bound}"))
    }
}

fn rows(
    csv: impl Read,
    what: &'static str,
    columns: &[&'static str],
    optional: &[&'static str],
    report: &mut ImportReport,
) -> Result<Vec<Row>, SitesError> {
    let header_fault = |reason: String| SitesError::Header { what, reason };
    let mut reader = ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv.take(FILE_BYTES_MAX));
    let header = reader.byte_headers().map_err(|error| header_fault(error.to_string()))?.clone();
    let names: Vec<_> = header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
    let place = |column: &str| names.iter().position(|name| name == column);
    if let Some(missing) = columns.iter().find(|column| place(column).is_none()) {
        let expected = columns.join(",");
        return Err(header_fault(format!("column `{missing}` is missing in the first line; expected `{expected}`")));
    }
    let places: Vec<_> = columns.iter().chain(optional).filter_map(|&name| Some((name, place(name)?))).collect();
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => return Err(header_fault(error.to_string())),
        }
        report.rows += 1;
        if report.rows > ROWS_MAX || reader.position().byte() >= FILE_BYTES_MAX {
            return Err(header_fault(format!("more than {ROWS_MAX} rows or {FILE_BYTES_MAX} bytes")));
        }
        let line = record.position().map_or(0, csv::Position::line);
        match cells(&record, &places, names.len()) {
            Ok(cells) => rows.push(Row { line, cells }),
            Err(reason) => report.faults.push(RowFault { line, reason }),
        }
    }
    Ok(rows)
}

fn cells(
    record: &ByteRecord,
    places: &[(&'static str, usize)],
    columns: usize,
) -> Result<HashMap<&'static str, String>, String> {
    if record.len() != columns {
        return Err(format!("{} cells where the first line has {columns}", record.len()));
    }
    let cell = |&(name, place): &(&'static str, usize)| {
        let bytes = record.get(place).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8"))?;
        Ok((name, text.to_owned()))
    };
    places.iter().map(cell).collect()
}

fn site(row: &Row) -> Result<Site, String> {
    let id = SiteId::new(row.required("id")?).map_err(|error| error.to_string())?;
    if id == SiteId::unknown() || id == SiteId::local() {
        return Err(format!("`{id}` is reserved and cannot be a site's id"));
    }
    let (latitude_deg, longitude_deg) = (row.degrees("latitude_deg", 90.0)?, row.degrees("longitude_deg", 180.0)?);
    if latitude_deg.is_some() != longitude_deg.is_some() {
        return Err("`latitude_deg` and `longitude_deg` belong together".to_owned());
    }
    Ok(Site {
        id,
        name: row.name("name")?,
        agency: AgencyId::new(row.required("agency")?).map_err(|error| error.to_string())?,
        data_center: row.name("data_center")?,
        addresses: networks(row.cell("addresses"))?,
        latitude_deg,
        longitude_deg,
        ward_code: Some(row.name("ward_code")).filter(|_| !row.cell("ward_code").is_empty()).transpose()?,
    })
}

fn agency(row: &Row) -> Result<Agency, String> {
    let id = AgencyId::new(row.required("id")?).map_err(|error| error.to_string())?;
    Ok(Agency { id, name: row.name("name")? })
}

fn networks(cell: &str) -> Result<Vec<IpNet>, String> {
    let mut networks = Vec::new();
    for text in cell.split_whitespace() {
        let network = network(text).ok_or_else(|| format!("`{text}` is neither an address nor a network"))?;
        if network.prefix_len() == 0 {
            return Err(format!("`{text}` would claim every sender"));
        }
        if networks.len() >= NETWORKS_MAX {
            return Err(format!("more than {NETWORKS_MAX} addresses"));
        }
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// An address or a network; bits behind the prefix are cleared, v4-mapped ones become v4.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    match text.parse::<IpNet>().ok()?.trunc() {
        IpNet::V6(net) if net.prefix_len() >= 96 => {
            let mapped = net.network().to_ipv4_mapped().filter(|_| net.network() != Ipv6Addr::UNSPECIFIED);
            let mapped = mapped.and_then(|address| Ipv4Net::new(address, net.prefix_len() - 96).ok());
            Some(mapped.map_or(IpNet::V6(net), IpNet::V4))
        }
        net => Some(net),
    }
}

/// Takes out rows that claim a network which belongs to another site.
fn without_conflicts(parsed: Vec<(u64, Site)>, register: &Register, report: &mut ImportReport) -> Vec<Site> {
    let in_file: HashSet<SiteId> = parsed.iter().map(|(_, site)| site.id.clone()).collect();
    let mut owners: HashMap<IpNet, SiteId> = HashMap::new();
    for site in register.sites().filter(|site| !in_file.contains(&site.id)) {
        owners.extend(site.addresses.iter().map(|&network| (network, site.id.clone())));
    }
    let mut sites = Vec::with_capacity(parsed.len());
    for (line, site) in parsed {
        let taken = site.addresses.iter().find_map(|network| owners.get(network).map(|owner| (network, owner)));
        if let Some((network, owner)) = taken {
            let reason = format!("`{network}` belongs to site `{owner}` already");
            report.faults.push(RowFault { line, reason });
            // What it holds so far stays its own.
            for &network in register.by_id(&site.id).iter().flat_map(|known| &known.addresses) {
                owners.entry(network).or_insert_with(|| site.id.clone());
            }
            continue;
        }
        owners.extend(site.addresses.iter().map(|&network| (network, site.id.clone())));
        sites.push(site);
    }
    sites
}
