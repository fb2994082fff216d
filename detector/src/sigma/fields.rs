//! The field map: under which names our events have the fields that Sigma rules speak of.
//!
//! The file is a pySigma processing pipeline of `field_name_mapping` transformations, each bound to log sources by
//! `rule_conditions`. Where pySigma would ask every name of a list, we ask the first one that the event has.

use super::logsource::LogSource;
use super::yaml::{self, Node};
use crate::DetectorError;

/// The files of the shipped map, which make one together.
const EMBEDDED: [(&str, &str); 3] = [
    ("rules/pipelines/ecs.yml", include_str!("../../../rules/pipelines/ecs.yml")),
    ("rules/pipelines/network.yml", include_str!("../../../rules/pipelines/network.yml")),
    ("rules/pipelines/cloud.yml", include_str!("../../../rules/pipelines/cloud.yml")),
];

/// What our decoders put before the names of a product's own records, which are Sigma's names too.
const PREFIXES: [(&str, &str); 4] = [
    ("aws", "aws.cloudtrail."),
    ("kubernetes", "kubernetes.audit."),
    ("fortigate", "kv."),
    ("fortigate", "cef.extensions.FTNTFGT"),
];

/// Sigma's names to ours, by log source.
#[derive(Debug, Clone, Default)]
pub struct FieldMap(Vec<Mapping>);

#[derive(Debug, Clone)]
struct Mapping {
    /// Log sources that it is for; every one when there is none.
    conditions: Vec<LogSource>,
    names: Vec<(String, Vec<String>)>,
}

impl FieldMap {
    /// The map that the product ships: `ecs.yml`, `network.yml` and `cloud.yml` of `rules/pipelines/`.
    ///
    /// # Errors
    /// [`DetectorError::FieldMap`] when a shipped file is broken, which a test excludes.
    pub fn embedded() -> Result<Self, DetectorError> {
        let mut whole = Self::default();
        for (path, text) in EMBEDDED {
            whole.0.extend(Self::parse(path, text)?.0);
        }
        Ok(whole)
    }

    /// Reads a map; `path` is named in errors.
    ///
    /// # Errors
    /// [`DetectorError::FieldMap`] with what is wrong.
    pub fn parse(path: &str, text: &str) -> Result<Self, DetectorError> {
        let fault = |reason: String| DetectorError::FieldMap { path: path.to_owned(), reason };
        let mut mappings = Vec::new();
        for document in yaml::documents(text) {
            let node = document.node.map_err(|found| fault(found.to_string()))?;
            let Some(Node::List(items)) = node.get("transformations") else {
                return Err(fault("`transformations` is missing".to_owned()));
            };
            for item in items {
                mappings.push(mapping(item).map_err(fault)?);
            }
        }
        Ok(Self(mappings))
    }

    /// Where a rule of `logsource` finds `field` in an event: itself, Winlogbeat's name, then those of the map in order.
    pub fn candidates(&self, logsource: &LogSource, field: &str) -> Vec<String> {
        let mut names = vec![field.to_owned()];
        // No event data of Windows has a dot in its name; names of ECS have.
        if !field.contains('.') && matches!(logsource.product.as_deref(), None | Some("windows" | "linux")) {
            names.push(format!("winlog.event_data.{field}"));
        }
        let mapped = self.0.iter().filter(|mapping| mapping.is_for(logsource)).flat_map(|mapping| &mapping.names);
        for name in mapped.filter(|(own, _)| own == field).flat_map(|(_, names)| names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        if !field.contains('.') && logsource.product.as_deref() == Some("windows") {
            names.push(format!("winlog.user_data.{field}"));
        }
        // Our decoders keep every field of these under the format's own names.
        let own = match (logsource.product.as_deref(), logsource.service.as_deref()) {
            (Some("linux"), Some("auditd")) => Some(format!("auditd.log.{field}")),
            (Some("zeek"), Some("conn")) => Some(format!("zeek.connection.{field}")),
            (Some("zeek"), Some(log)) => Some(format!("zeek.{log}.{field}")),
            _ => None,
        };
        if let Some(name) = own.filter(|name| !names.contains(name)) {
            names.push(name);
        }
        for (_, prefix) in PREFIXES.iter().filter(|(product, _)| logsource.product.as_deref() == Some(product)) {
            let name = format!("{prefix}{field}");
            if !field.starts_with(prefix) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether it names `field` for rules of `logsource`.
    pub(crate) fn has(&self, logsource: &LogSource, field: &str) -> bool {
        let mut mapped = self.0.iter().filter(|mapping| mapping.is_for(logsource)).flat_map(|mapping| &mapping.names);
        mapped.any(|(own, _)| own == field)
    }
}

impl Mapping {
    fn is_for(&self, logsource: &LogSource) -> bool {
        self.conditions.is_empty() || self.conditions.iter().any(|condition| logsource.implies(condition))
    }
}

fn mapping(item: &Node) -> Result<Mapping, String> {
    match item.get("type").and_then(Node::text) {
        Some("field_name_mapping") => {}
        other => {
            return Err(format!("transformation `{}` is not known; only `field_name_mapping` is", other.unwrap_or("")));
        }
    }
    let Some(Node::Map(entries)) = item.get("mapping") else {
        return Err("a `field_name_mapping` has no `mapping`".to_owned());
    };
    let names = entries.iter().map(|(own, names)| (own.clone(), names.texts())).collect();
    let conditions = match item.get("rule_conditions") {
        None => Vec::new(),
        Some(Node::List(conditions)) => conditions.iter().map(condition).collect::<Result<_, _>>()?,
        Some(other) => return Err(format!("`rule_conditions` is {}, not a list", other.kind())),
    };
    Ok(Mapping { conditions, names })
}

fn condition(node: &Node) -> Result<LogSource, String> {
    match node.get("type").and_then(Node::text) {
        Some("logsource") => Ok(logsource_of(node)),
        other => Err(format!("rule condition `{}` is not known; only `logsource` is", other.unwrap_or(""))),
    }
}

/// Product, category and service of a map, in lower case; empty texts count as not named.
pub(crate) fn logsource_of(node: &Node) -> LogSource {
    let part = |key| {
        node.get(key).and_then(Node::scalar).map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty())
    };
    LogSource { product: part("product"), category: part("category"), service: part("service") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_map_is_good_and_bound_to_log_sources() {
        let map = FieldMap::embedded().unwrap();
        let webserver = LogSource { category: Some("webserver".into()), ..LogSource::default() };
        assert!(map.candidates(&webserver, "cs-uri-query").contains(&"url.query".to_owned()));
        let windows = LogSource { product: Some("windows".into()), ..LogSource::default() };
        assert!(!map.candidates(&windows, "cs-uri-query").contains(&"url.query".to_owned()));
        let mut start = windows.clone();
        start.category = Some("process_creation".into());
        let names = map.candidates(&start, "Image");
        assert_eq!(names[..3], ["Image", "winlog.event_data.Image", "NewProcessName"]);
        assert!(names.contains(&"process.executable".to_owned()), "{names:?}");
    }

    #[test]
    fn sensors_fields_are_found_under_their_own_names() {
        let map = FieldMap::embedded().unwrap();
        let check = |product: &str, service: &str, field: &str, expected: &str| {
            let logsource = LogSource { product: Some(product.into()), category: None, service: Some(service.into()) };
            let names = map.candidates(&logsource, field);
            assert_eq!(names.iter().filter(|name| *name == expected).count(), 1, "{logsource} {field}: {names:?}");
        };
        check("zeek", "ssl", "validation_status", "zeek.ssl.validation_status");
        check("zeek", "notice", "note", "zeek.notice.note");
        check("zeek", "conn", "duration", "zeek.connection.duration");
        check("zeek", "dns", "query", "zeek.dns.query");
        check("linux", "auditd", "audit_enabled", "auditd.log.audit_enabled");
    }

    #[test]
    fn every_shipped_file_is_in_the_map() {
        let map = FieldMap::embedded().unwrap();
        let check = |product: &str, category: &str, service: &str, field: &str, expected: &str, is_mapped: bool| {
            let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let logsource = LogSource { product: part(product), category: part(category), service: part(service) };
            let names = map.candidates(&logsource, field);
            assert_eq!(names.iter().any(|name| name == expected), is_mapped, "{logsource} {field}: {names:?}");
        };
        check("windows", "file_event", "", "TargetFilename", "file.path", true);
        check("windows", "registry_set", "", "Details", "registry.data.strings", true);
        check("linux", "", "auditd", "a5", "auditd.log.a5", true);
        check("", "firewall", "", "dst_port", "destination.port", true);
        check("zeek", "", "kerberos", "cipher", "zeek.kerberos.cipher", true);
        check("zeek", "", "dns", "cipher", "zeek.kerberos.cipher", false);
        check("azure", "", "signinlogs", "ResultType", "azure.signinlogs.result_type", true);
        check("gcp", "", "gcp.audit", "gcp.audit.method_name", "event.action", true);
        check("okta", "", "okta", "eventType", "event.action", true);
        check("aws", "", "cloudtrail", "requestParameters.x", "aws.cloudtrail.requestParameters.x", true);
        check("kubernetes", "", "audit", "user.groups", "kubernetes.audit.user.groups", true);
        check("fortigate", "", "event", "cfgattr", "kv.cfgattr", true);
        check("fortigate", "", "event", "kv.cfgattr", "kv.kv.cfgattr", false);
        check("", "firewall", "", "cfgattr", "kv.cfgattr", false);
        check("postgresql", "", "audit", "statement", "postgresql.audit.statement", true);
        // ECS copies that were made of another field must not answer.
        check("windows", "", "security", "TargetUserName", "user.name", false);
        check("windows", "", "security", "IpAddress", "source.ip", false);
        check("windows", "process_access", "", "Image", "process.executable", false);
        check("windows", "registry_set", "", "User", "user.name", false);
    }

    #[test]
    fn faults_are_told() {
        let reason = |text| FieldMap::parse("x.yml", text).unwrap_err().to_string();
        assert_eq!(reason("name: x\n"), "field map `x.yml`: `transformations` is missing");
        assert!(reason("transformations:\n  - type: drop\n").contains("transformation `drop` is not known"));
    }
}
