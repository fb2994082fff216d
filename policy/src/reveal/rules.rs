//! `reveals.yml`: how many must agree to a reveal, for how long it stands, and when break-glass is reviewed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::PolicyError;
use crate::privacy::{Class, PrivacyRules, Sensitivity};
use crate::vault::Kind;

/// Longest that any reveal stands, whatever the file says.
const HOURS_MAX: u64 = 8;
/// Most values of any reveal.
const VALUES_MAX: usize = 1_000;
/// The file that MetroSOC comes with.
pub const EMBEDDED: &str = include_str!("../../../rules/policy/reveals.yml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    hours_max: u64,
    values_max: usize,
    approvals: ByClass,
    review_within_hours: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByClass {
    basic: usize,
    sensitive: usize,
    #[serde(default)]
    classes: BTreeMap<String, usize>,
}

/// What the file says.
#[derive(Debug, Clone)]
pub struct RevealRules {
    /// Longest that a reveal stands.
    pub life_max: Duration,
    /// Most values of one reveal.
    pub values_max: usize,
    /// Within which time break-glass is reviewed.
    pub review_within: Duration,
    basic: usize,
    sensitive: usize,
    classes: BTreeMap<Class, usize>,
}

impl RevealRules {
    /// Reads the file.
    ///
    /// # Errors
    /// [`PolicyError::Reveals`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let fault = |reason: String| PolicyError::Reveals { reason };
        let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
        if file.version != 1 {
            return Err(fault(format!("version {} is not known, only 1", file.version)));
        }
        if !(1..=HOURS_MAX).contains(&file.hours_max) {
            return Err(fault(format!("`hours_max` is {}; 1 to {HOURS_MAX}", file.hours_max)));
        }
        if !(1..=VALUES_MAX).contains(&file.values_max) {
            return Err(fault(format!("`values_max` is {}; 1 to {VALUES_MAX}", file.values_max)));
        }
        if !(1..=24 * 31).contains(&file.review_within_hours) {
            return Err(fault(format!("`review_within_hours` is {}; 1 to 744", file.review_within_hours)));
        }
        let mut classes = BTreeMap::new();
        for (name, needed) in &file.approvals.classes {
            let class = Class::parse(name).ok_or_else(|| fault(format!("unknown class `{name}`")))?;
            classes.insert(class, *needed);
        }
        let every = [file.approvals.basic, file.approvals.sensitive];
        if let Some(odd) = every.iter().chain(classes.values()).find(|needed| !(1..=3).contains(*needed)) {
            return Err(fault(format!("`approvals` says {odd}; 1 to 3")));
        }
        Ok(Self {
            life_max: Duration::from_secs(file.hours_max * 3_600),
            values_max: file.values_max,
            review_within: Duration::from_secs(file.review_within_hours * 3_600),
            basic: file.approvals.basic,
            sensitive: file.approvals.sensitive,
            classes,
        })
    }

    /// How many must agree to reveal a value of a kind.
    pub fn approvals(&self, kind: Kind, privacy: &PrivacyRules) -> usize {
        let Some(class) = kind.class() else { return self.sensitive };
        let rule = privacy.classes().iter().find(|rule| rule.class == class);
        let by_sensitivity = match rule.map(|rule| rule.sensitivity) {
            Some(Sensitivity::Basic) => self.basic,
            // A class of which nothing is said is treated as the strictest.
            Some(Sensitivity::Sensitive) | None => self.sensitive,
        };
        self.classes.get(&class).copied().unwrap_or_default().max(by_sensitivity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{PrivacyText, parse};

    #[test]
    fn classes_say_how_many_must_agree() {
        let (rules, privacy) = (RevealRules::parse(EMBEDDED).unwrap(), parse(&PrivacyText::embedded()).unwrap());
        assert_eq!(rules.life_max, Duration::from_secs(8 * 3_600));
        let check = |kind: Kind, expected: usize| assert_eq!(rules.approvals(kind, &privacy), expected, "{kind:?}");
        check(Kind::Value(Class::Phone), 1);
        check(Kind::Value(Class::CitizenId), 2);
        check(Kind::Value(Class::HealthRecord), 2);
        check(Kind::Text, 2);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_reason() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(EMBEDDED.contains(from));
            let error = RevealRules::parse(&EMBEDDED.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("hours_max: 8", "hours_max: 9", "1 to 8");
        check("values_max: 100", "values_max: 0", "1 to 1000");
        check("basic: 1", "basic: 0", "1 to 3");
        check("citizen_id: 2", "citizen: 2", "unknown class `citizen`");
        check("version: 1", "version: 2", "only 1");
        check("review_within_hours: 24", "review_within_hours: 0", "1 to 744");
    }
}
