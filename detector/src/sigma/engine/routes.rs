//! Rules by the parts of their log source, so that rules of other sources cost nothing.

use bumpalo::Bump;
use rustc_hash::FxHashMap;

use super::super::logsource::Source;
use super::super::rule::Rule;

/// Rules with the same log source share a bucket.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// The words that rules use, numbered from 1; 0 is "not named".
    words: FxHashMap<String, u32>,
    buckets: FxHashMap<[u32; 3], u32>,
    rules: Vec<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    names: [Option<String>; 3],
    rules: Vec<u32>,
}

impl Routes {
    /// Puts a rule into its bucket.
    pub(super) fn add(&mut self, rule: &Rule, number: usize) {
        let names = [&rule.logsource.product, &rule.logsource.category, &rule.logsource.service].map(Clone::clone);
        let key = [0, 1, 2].map(|part: usize| match names.get(part) {
            Some(Some(word)) => word_of(&mut self.words, word),
            _ => 0,
        });
        let next = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        let bucket = *self.buckets.entry(key).or_insert_with(|| {
            self.rules.push(Bucket { names, rules: Vec::new() });
            next
        });
        if let Some(bucket) = self.rules.get_mut(bucket as usize) {
            bucket.rules.push(u32::try_from(number).unwrap_or(u32::MAX));
        }
    }

    /// The buckets whose log source one of `sources` fulfils, ascending, each once.
    pub(super) fn buckets(&self, sources: &[Source<'_>], bump: &Bump, found: &mut Vec<u32>) {
        for source in sources {
            let known = [source.product, source.category, source.service]
                .map(|part| part.and_then(|word| self.word(word, bump)).unwrap_or(0));
            for chosen in 1..8_u32 {
                let mut key = known;
                key.iter_mut().enumerate().filter(|(at, _)| chosen & (1 << at) == 0).for_each(|(_, part)| *part = 0);
                if let Some(bucket) = self.buckets.get(&key)
                    && !found.contains(bucket)
                {
                    found.push(*bucket);
                }
            }
        }
        found.sort_unstable();
    }

    /// The numbers of all rules in `buckets`, ascending.
    pub(super) fn rules_of(&self, buckets: &[u32]) -> Vec<u32> {
        let buckets = buckets.iter().filter_map(|bucket| self.rules.get(*bucket as usize));
        let mut numbers: Vec<u32> = buckets.flat_map(|bucket| bucket.rules.iter().copied()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The log source of every bucket.
    pub(super) fn names(&self) -> impl Iterator<Item = &[Option<String>; 3]> {
        self.rules.iter().map(|bucket| &bucket.names)
    }

    /// The log sources of `buckets`, for [`Routes::buckets_named`] of another rule set.
    pub(super) fn names_of(&self, buckets: &[u32]) -> Vec<[Option<String>; 3]> {
        buckets
            .iter()
            .filter_map(|bucket| self.rules.get(*bucket as usize))
            .map(|bucket| bucket.names.clone())
            .collect()
    }

    /// The buckets of these log sources, ascending; those that no rule has are left out.
    pub(super) fn buckets_named(&self, names: &[[Option<String>; 3]]) -> Vec<u32> {
        let mut found: Vec<u32> = names
            .iter()
            .filter_map(|names| {
                let key = [0, 1, 2].map(|part: usize| match names.get(part) {
                    Some(Some(word)) => self.words.get(word).copied(),
                    _ => Some(0),
                });
                let [Some(product), Some(category), Some(service)] = key else { return None };
                self.buckets.get(&[product, category, service]).copied()
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// Rules name their parts in lower case.
    fn word(&self, word: &str, bump: &Bump) -> Option<u32> {
        if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let lower = bump.alloc_str(word);
            lower.make_ascii_lowercase();
            return self.words.get(&*lower).copied();
        }
        self.words.get(word).copied()
    }
}

fn word_of(words: &mut FxHashMap<String, u32>, word: &str) -> u32 {
    let next = u32::try_from(words.len() + 1).unwrap_or(u32::MAX);
    *words.entry(word.to_owned()).or_insert(next)
}
