//! What inherits from what: roles from roles, units from departments; closed over once, when a policy is compiled.

use rustc_hash::FxHashMap;

use super::line::{Line, LineKind};
use crate::PolicyError;

/// How far one may lead to another; the engine follows no further than 10.
const INHERITANCE_MAX: usize = 8;

/// Who inherits from whom, of one kind of line.
#[derive(Debug, Default)]
pub(super) struct Links<'l> {
    above: FxHashMap<&'l str, Vec<&'l str>>,
}

impl<'l> Links<'l> {
    pub(super) fn of(lines: &'l [Line], kind: LineKind) -> Self {
        let mut links = Self::default();
        for (one, other) in lines.iter().filter(|line| line.kind == kind).filter_map(Line::link) {
            links.above.entry(one).or_default().push(other);
        }
        links
    }

    /// Everything that `one` inherits from, without itself. Circles do no harm.
    pub(super) fn above(&self, one: &str) -> Vec<&'l str> {
        let mut reached: Vec<&'l str> = self.above.get(one).cloned().unwrap_or_default();
        let mut at = 0;
        while let Some(&current) = reached.get(at) {
            for &next in self.above.get(current).into_iter().flatten() {
                if !reached.contains(&next) {
                    reached.push(next);
                }
            }
            at += 1;
        }
        reached
    }

    fn leads_back(&self, one: &str) -> bool {
        self.above(one).contains(&one)
    }

    /// Everything that stands on the lower side of a line.
    pub(super) fn heirs(&self) -> impl Iterator<Item = &'l str> {
        self.above.keys().copied()
    }

    /// Everything that stands on the upper side of a line.
    pub(super) fn givers(&self) -> impl Iterator<Item = &'l str> {
        self.above.values().flatten().copied()
    }
}

/// Refuses circles and chains that are too long, in roles and in agencies.
///
/// # Errors
/// [`PolicyError::Line`] names the first line that is part of one.
pub(super) fn check_circles(lines: &[Line]) -> Result<(), PolicyError> {
    for kind in [LineKind::Role, LineKind::Agency] {
        let links = Links::of(lines, kind);
        let mut heights = FxHashMap::default();
        for line in lines.iter().filter(|line| line.kind == kind) {
            let Some((one, _)) = line.link() else { continue };
            let fault = |reason: String| PolicyError::Line { line: line.number, reason };
            match height(one, &links, &mut heights, 0) {
                // Whoever only leads into a circle is not to blame; the circle's own lines come too.
                None if links.leads_back(one) => return Err(fault(format!("`{one}` inherits from itself"))),
                None => {}
                Some(height) if height > INHERITANCE_MAX => {
                    return Err(fault(format!("`{one}` inherits over more than {INHERITANCE_MAX} steps")));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// How many steps lead up from `one`; `None` when they lead back, or on for so long that it is of no use to know.
fn height<'l>(
    one: &'l str,
    links: &Links<'l>,
    heights: &mut FxHashMap<&'l str, Option<usize>>,
    depth: usize,
) -> Option<usize> {
    if let Some(known) = heights.get(one) {
        return *known;
    }
    // Whoever is met again while this stands here is in a circle.
    heights.insert(one, None);
    if depth > 4 * INHERITANCE_MAX {
        heights.insert(one, Some(INHERITANCE_MAX + 1));
        return Some(INHERITANCE_MAX + 1);
    }
    let mut highest = 0;
    for &next in links.above.get(one).into_iter().flatten() {
        highest = highest.max(height(next, links, heights, depth + 1)? + 1);
    }
    heights.insert(one, Some(highest));
    Some(highest)
}
