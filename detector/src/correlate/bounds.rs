//! Numeric conditions: `gt gte lt lte eq neq`, several at once being a range.

use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::Node;

/// The operators, and which other keys a condition may have.
const OPERATORS: [&str; 6] = ["gt", "gte", "lt", "lte", "eq", "neq"];
const KEYS: [&str; 8] = ["gt", "gte", "lt", "lte", "eq", "neq", "field", "percentile"];

/// What a number must fulfil, all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bounds {
    /// The number must be greater.
    pub gt: Option<f64>,
    /// The number must be greater or equal.
    pub gte: Option<f64>,
    /// The number must be less.
    pub lt: Option<f64>,
    /// The number must be less or equal.
    pub lte: Option<f64>,
    /// The number must be this one.
    pub eq: Option<f64>,
    /// The number must not be this one.
    pub neq: Option<f64>,
}

impl Bounds {
    /// Reads the operators of a condition's map.
    ///
    /// # Errors
    /// A sentence for unknown keys, what is no number, no operator at all, and bounds that no number fulfils.
    pub(super) fn parse(entries: &[(String, Node)]) -> Result<Self, String> {
        let mut bounds = Self::default();
        for (key, node) in entries {
            let place = match key.as_str() {
                "gt" => &mut bounds.gt,
                "gte" => &mut bounds.gte,
                "lt" => &mut bounds.lt,
                "lte" => &mut bounds.lte,
                "eq" => &mut bounds.eq,
                "neq" => &mut bounds.neq,
                "field" | "percentile" => continue,
                other => return Err(format!("condition has the unknown key `{other}`{}", suggestion(other, &KEYS))),
            };
            *place = Some(number(key, node)?);
        }
        if bounds == Self::default() {
            return Err(format!("condition has none of `{}`", OPERATORS.join(" ")));
        }
        if bounds.least() > bounds.most() || bounds.excludes_its_only() {
            return Err("condition is a range that no number fulfils".to_owned());
        }
        Ok(bounds)
    }

    /// Whether `number` fulfils them.
    pub(super) fn hold(&self, number: f64) -> bool {
        self.gt.is_none_or(|bound| number > bound)
            && self.gte.is_none_or(|bound| number >= bound)
            && self.lt.is_none_or(|bound| number < bound)
            && self.lte.is_none_or(|bound| number <= bound)
            && self.eq.is_none_or(|bound| same(number, bound))
            && self.neq.is_none_or(|bound| !same(number, bound))
    }

    /// Whether more can make them false, so that they are decided when the window is complete.
    pub(super) fn wait(&self) -> bool {
        self.lt.is_some() || self.lte.is_some() || self.eq.is_some() || self.neq.is_some()
    }

    /// Whether some whole number from 1 on can fulfil them.
    pub(super) fn allow_a_count(&self) -> bool {
        let most = self.most();
        self.lt.is_none_or(|bound| bound > 1.0)
            && most >= 1.0
            && (self.neq.is_none_or(|not| !same(not, 1.0)) || most >= 2.0)
    }

    fn least(&self) -> f64 {
        [self.gt, self.gte, self.eq].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max)
    }

    fn most(&self) -> f64 {
        [self.lt, self.lte, self.eq].into_iter().flatten().fold(f64::INFINITY, f64::min)
    }

    /// Whether least and most are one number, which another bound shuts out.
    fn excludes_its_only(&self) -> bool {
        let least = self.least();
        least.is_finite() && same(least, self.most()) && !self.hold(least)
    }
}

fn number(key: &str, node: &Node) -> Result<f64, String> {
    let found = match node {
        Node::Int(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        Node::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let told = || node.scalar().map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"));
    found.filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("`{key}` needs a number, not {}", told()))
}

/// Equal as numbers; bounds are compared with what was counted or summed, never with the outcome of rounding.
#[expect(clippy::float_cmp, reason = "`eq: 5` means exactly 5; an epsilon would make it a range")]
fn same(one: f64, other: f64) -> bool {
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[(&str, f64)]) -> Result<Bounds, String> {
        let nodes: Vec<_> = entries.iter().map(|(key, number)| ((*key).to_owned(), Node::Float(*number))).collect();
        Bounds::parse(&nodes)
    }

    fn check(entries: &[(&str, f64)], numbers: &[f64], waits: bool) {
        let bounds = parse(entries).unwrap();
        let holding: Vec<f64> = (0..10).map(f64::from).filter(|number| bounds.hold(*number)).collect();
        assert_eq!(holding, numbers, "{entries:?}");
        assert_eq!(bounds.wait(), waits, "{entries:?}");
    }

    #[test]
    fn bounds_hold() {
        check(&[("gt", 7.0)], &[8.0, 9.0], false);
        check(&[("gte", 7.0)], &[7.0, 8.0, 9.0], false);
        check(&[("lt", 2.0)], &[0.0, 1.0], true);
        check(&[("lte", 2.0)], &[0.0, 1.0, 2.0], true);
        check(&[("eq", 2.0)], &[2.0], true);
        check(&[("gt", 3.0), ("lte", 5.0)], &[4.0, 5.0], true);
        check(&[("gte", 8.0), ("neq", 9.0)], &[8.0], true);
    }

    #[test]
    fn faults_are_told() {
        assert_eq!(parse(&[("gte", 5.0), ("lt", 3.0)]).unwrap_err(), "condition is a range that no number fulfils");
        assert_eq!(parse(&[("gt", 5.0), ("lte", 5.0)]).unwrap_err(), "condition is a range that no number fulfils");
        assert_eq!(parse(&[("eq", 5.0), ("neq", 5.0)]).unwrap_err(), "condition is a range that no number fulfils");
        assert_eq!(parse(&[]).unwrap_err(), "condition has none of `gt gte lt lte eq neq`");
        let unknown = "condition has the unknown key `gtee` (did you mean `gte`?)";
        assert_eq!(parse(&[("gtee", 5.0)]).unwrap_err(), unknown);
        let entries = [("gte".to_owned(), Node::Text("many".into()))];
        assert_eq!(Bounds::parse(&entries).unwrap_err(), "`gte` needs a number, not `many`");
        assert_eq!(parse(&[("gte", f64::NAN)]).unwrap_err(), "`gte` needs a number, not `NaN`");
        assert!(!parse(&[("lt", 1.0)]).unwrap().allow_a_count());
        assert!(!parse(&[("eq", 0.0)]).unwrap().allow_a_count());
        assert!(parse(&[("lte", 1.0)]).unwrap().allow_a_count());
    }
}
