//! Of findings that overlap the better one stays.

use super::Span;

/// Sorts findings and drops, of every two that overlap, the one with the lower score (the shorter one of equal scores).
pub(super) fn resolve(spans: &mut Vec<Span>) {
    spans.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut kept = 0_usize;
    for at in 0..spans.len() {
        let Some(span) = spans.get(at).copied() else { break };
        let mut keep = true;
        while let Some(last) = kept.checked_sub(1).and_then(|last| spans.get(last)).copied() {
            if last.end <= span.start {
                break;
            }
            if worth(&span) <= worth(&last) {
                keep = false;
                break;
            }
            kept -= 1;
        }
        if keep {
            if let Some(slot) = spans.get_mut(kept) {
                *slot = span;
            }
            kept += 1;
        }
    }
    spans.truncate(kept);
}

fn worth(span: &Span) -> (u8, usize) {
    (span.score, span.end - span.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::Class;

    #[test]
    fn the_better_finding_stays() {
        let span = |start, end, score| Span { start, end, class: Class::Phone, score };
        for (found, expected) in [
            (vec![span(0, 5, 60), span(5, 9, 50)], vec![span(0, 5, 60), span(5, 9, 50)]),
            (vec![span(3, 9, 80), span(0, 5, 60)], vec![span(3, 9, 80)]),
            (vec![span(0, 5, 60), span(0, 9, 60)], vec![span(0, 9, 60)]),
            (vec![span(0, 9, 60), span(2, 4, 70), span(5, 8, 65)], vec![span(2, 4, 70), span(5, 8, 65)]),
            (vec![], vec![]),
        ] {
            let mut spans = found;
            resolve(&mut spans);
            assert_eq!(spans, expected);
        }
    }
}
