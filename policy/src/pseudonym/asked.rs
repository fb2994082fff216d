//! Values that somebody searches by: in the store they are tokens.

use std::sync::Arc;

use super::Pseudonyms;
use super::batch::{Batch, Piece};
use super::find::Find;
use super::write::replace;
use crate::VaultError;
use crate::privacy::{Class, FieldKind};
use crate::vault::{Kind, Token};

/// Parts of a text that are looked up one by one.
const WORDS_MAX: usize = 32;

/// Looks up what questions name.
#[derive(Debug)]
pub struct Asked {
    all: Arc<Pseudonyms>,
    find: Find,
    batch: Batch,
}

impl Asked {
    /// With nothing asked yet.
    pub fn new(all: Arc<Pseudonyms>) -> Self {
        Self { all, find: Find::default(), batch: Batch::default() }
    }

    /// The classes of the personal values that `value` of a field is or holds, by the rules.
    pub fn classes(&mut self, field: &str, value: &str) -> Vec<Class> {
        if is_token(value) {
            return Vec::new();
        }
        self.pieces(field, value).iter().filter_map(|(_, class)| *class).collect()
    }

    /// The value as the store holds it: with tokens where personal values stand. `None` when there are none. What the vault
    /// never met becomes a token too, so that neither the question nor its record holds it in clear.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn replaced(&mut self, field: &str, value: &str) -> Result<Option<String>, VaultError> {
        if is_token(value) {
            return Ok(None);
        }
        let pieces: Vec<Piece> = self.pieces(field, value).into_iter().map(|(piece, _)| piece).collect();
        if pieces.is_empty() {
            return Ok(None);
        }
        self.batch.enter(&self.all.vault).await?;
        Ok(Some(replace(&self.batch, value, &pieces, &mut Vec::new())))
    }

    /// Texts that `text` may stand as in the store, for values that only the vault knows to be personal: the text, or one
    /// word of it, is looked up as a value of each of `classes`. Nothing is brought in.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn alternatives(&self, classes: &[Class], text: &str) -> Result<Vec<String>, VaultError> {
        let kinds: Vec<Kind> = classes.iter().map(|class| Kind::Value(*class)).collect();
        let mut found = Vec::new();
        let trimmed = text.trim();
        if trimmed.is_empty() || is_token(trimmed) || kinds.is_empty() {
            return Ok(found);
        }
        found.extend(self.all.vault.find(&kinds, trimmed).await?.iter().map(Token::to_string));
        if !trimmed.contains(char::is_whitespace) {
            return Ok(found);
        }
        for word in trimmed.split_whitespace().take(WORDS_MAX) {
            let word = word.trim_matches(|end: char| !end.is_alphanumeric());
            let tokens = if word.is_empty() { Vec::new() } else { self.all.vault.find(&kinds, word).await? };
            found.extend(tokens.iter().map(|token| text.replace(word, &token.to_string())));
        }
        Ok(found)
    }

    /// What a field holds.
    pub fn kind(&mut self, field: &str) -> FieldKind {
        self.find.kind(&self.all, "", field)
    }

    fn pieces(&mut self, field: &str, value: &str) -> Vec<(Piece, Option<Class>)> {
        self.batch.clear();
        let pieces = self.find.of_field(&self.all, field, value, &mut self.batch);
        pieces.into_iter().map(|piece| (piece, self.batch.kind(piece.value).class())).collect()
    }
}

fn is_token(value: &str) -> bool {
    let address = || value.parse().ok().and_then(Token::of_address);
    Token::parse(value).or_else(address).is_some()
}
