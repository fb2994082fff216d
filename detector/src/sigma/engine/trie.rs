//! Texts found at the start of another, all in one walk: the longest path decides how long it takes, not their number.

const NONE: u32 = u32::MAX;

/// Texts and their numbers by their bytes; for ends, texts are put in and asked for from the last byte to the first.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// Ascending by byte.
    children: Vec<(u8, u32)>,
    number: u32,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node { children: Vec::new(), number: NONE }] }
    }
}

impl Trie {
    /// Puts a text in under its number, which takes the place of the one that it had.
    pub(super) fn insert(&mut self, text: impl Iterator<Item = u8>, number: u32) {
        let mut at = 0_usize;
        for byte in text {
            let next = u32::try_from(self.nodes.len()).unwrap_or(NONE);
            let Some(node) = self.nodes.get_mut(at) else { break };
            match node.children.binary_search_by_key(&byte, |(own, _)| *own) {
                Ok(found) => at = node.children.get(found).map_or(0, |(_, child)| *child as usize),
                Err(place) => {
                    node.children.insert(place, (byte, next));
                    self.nodes.push(Node { children: Vec::new(), number: NONE });
                    at = next as usize;
                }
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.number = number;
        }
    }

    /// Whether nothing was put in.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The numbers of all texts with which `text` begins.
    pub(super) fn find(&self, text: impl Iterator<Item = u8>, mut found: impl FnMut(u32)) {
        let mut node = self.nodes.first();
        for byte in text {
            let Some(here) = node else { return };
            let child = match here.children.len() {
                0 => return,
                1..=8 => here.children.iter().find(|(own, _)| *own == byte).map(|(_, child)| *child),
                _ => {
                    let place = here.children.binary_search_by_key(&byte, |(own, _)| *own).ok();
                    place.and_then(|place| here.children.get(place)).map(|(_, child)| *child)
                }
            };
            let Some(child) = child else { return };
            node = self.nodes.get(child as usize);
            if let Some(node) = node
                && node.number != NONE
            {
                found(node.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_the_obvious(texts in prop::collection::vec("[ab]{1,4}", 0..12), text in "[abc]{0,6}") {
            let mut trie = Trie::default();
            let texts: BTreeSet<String> = texts.into_iter().collect();
            (0..).zip(&texts).for_each(|(number, one)| trie.insert(one.bytes(), number));
            let mut found = BTreeSet::new();
            trie.find(text.bytes(), |number| assert!(found.insert(number)));
            let expected = (0..).zip(&texts).filter(|(_, one)| text.starts_with(one.as_str())).map(|(number, _)| number);
            prop_assert_eq!(found, expected.collect());
        }
    }
}
