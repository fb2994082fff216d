//! One profile, compiled: decides for every field name there can be.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use event::{Counts, Masks, Visibility};
use rustc_hash::FxHashMap;

use super::form::{COVER, Form};
use super::key::{Masking, RecipientKey};
use crate::privacy::{Class, Complete, FieldKind, FieldTable, PrivacyRules, Span};

/// A pattern over field names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `user.*`: everything below.
    Below(String),
    /// `*.citizen_id`: that name at the end, or alone.
    Last(String),
}

impl Pattern {
    fn matches(&self, field: &str) -> bool {
        match self {
            Self::Below(prefix) => field.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.')),
            Self::Last(suffix) => {
                field.strip_suffix(suffix.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
        }
    }
}

/// The masks of one profile, without keys: what needs a key or the scanner shows nothing here.
#[derive(Debug, Clone)]
pub struct MaskTable {
    pub(super) name: String,
    pub(super) otherwise: Form,
    pub(super) exact: HashMap<String, Form>,
    pub(super) patterns: Vec<(Pattern, Form)>,
    pub(super) classes: BTreeMap<Class, Form>,
    /// Whether text is shown with every personal value in the form of its class.
    pub(super) scan: bool,
    pub(super) person: Vec<String>,
    pub(super) free_text: bool,
}

impl MaskTable {
    /// Hides every field.
    pub fn hidden() -> Self {
        Self {
            name: "nothing".to_owned(),
            otherwise: Form::Hide,
            exact: HashMap::new(),
            patterns: Vec::new(),
            classes: BTreeMap::new(),
            scan: false,
            person: Vec::new(),
            free_text: false,
        }
    }

    /// The profile's name in `masks.yml`, `nothing` for roles without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How `field` is treated: by its name in full, else by the strictest pattern, else by the class that `rules` say it
    /// holds, else like everything else.
    pub fn form(&self, field: &str, rules: Option<&PrivacyRules>) -> Form {
        if let Some(&form) = self.exact.get(field) {
            return form;
        }
        let matching = self.patterns.iter().filter(|(pattern, _)| pattern.matches(field)).map(|&(_, form)| form);
        if let Some(form) = matching.max_by_key(|form| form.strictness()) {
            return form;
        }
        match rules.map(|rules| rules.field("", field)) {
            Some(FieldKind::Class(class)) => match self.classes.get(&class) {
                Some(&form) => form,
                None if self.scan => Form::Hide,
                None => self.otherwise,
            },
            Some(FieldKind::Text) if self.scan => Form::Scan,
            Some(FieldKind::Clear) if self.scan => Form::Clear,
            _ => self.otherwise,
        }
    }

    /// The form of a class that was found inside text; covered where the profile says nothing.
    fn form_in_text(&self, class: Class) -> Form {
        self.classes.get(&class).copied().unwrap_or(Form::Hide)
    }
}

impl Masks for MaskTable {
    fn visibility(&self, field: &str) -> Visibility {
        visibility(self.form(field, None), false)
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        self.form(field, None).of(field, value, None, None)
    }

    fn counts(&self) -> Counts {
        Counts::exact()
    }

    fn free_text(&self) -> bool {
        self.free_text
    }
}

fn visibility(form: Form, scanner: bool) -> Visibility {
    match form {
        Form::Clear => Visibility::Clear,
        Form::Hide => Visibility::Hidden,
        Form::Scan if !scanner => Visibility::Hidden,
        _ => Visibility::Masked,
    }
}

/// Fields whose form is remembered; the forms of more are found anew each time.
const FORMS_MAX: usize = 4_096;

/// The masks of one who looks: a profile with his key, and how he may see counts.
#[derive(Debug)]
pub struct RoleMasks {
    table: Arc<MaskTable>,
    with: Option<(Arc<Masking>, RecipientKey)>,
    counts: Counts,
    /// Classes that lines of the policy hide beside, and which field holds what.
    hidden: Option<(Arc<FieldTable>, BTreeSet<Class>)>,
    /// The forms of fields that were shown: every hit of an answer has much the same fields.
    forms: Mutex<FxHashMap<String, Form>>,
}

impl RoleMasks {
    /// A profile as a recipient sees it. Without `with` what needs a key or the scanner is not shown.
    pub fn new(table: Arc<MaskTable>, with: Option<(Arc<Masking>, RecipientKey)>, counts: Counts) -> Self {
        Self { table, with, counts, hidden: None, forms: Mutex::default() }
    }

    /// The same with every field of some classes hidden, and every text in which values of them may stand.
    #[must_use]
    pub fn hiding(mut self, fields: Option<Arc<FieldTable>>, classes: BTreeSet<Class>) -> Self {
        self.hidden = fields.filter(|_| !classes.is_empty()).map(|fields| (fields, classes));
        self.forms = Mutex::default();
        self
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        self.table.name()
    }

    /// How a field is treated.
    pub fn form(&self, field: &str) -> Form {
        if let Some(form) = self.forms.lock().unwrap_or_else(PoisonError::into_inner).get(field) {
            return *form;
        }
        let form = if self.hides(field) { Form::Hide } else { self.table.form(field, self.rules()) };
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if forms.len() < FORMS_MAX {
            forms.insert(field.to_owned(), form);
        }
        form
    }

    /// Whether a line of the policy hides what a field holds, whatever else is said about it.
    pub(super) fn hides(&self, field: &str) -> bool {
        self.hidden.as_ref().is_some_and(|(fields, classes)| match fields.kind(field) {
            FieldKind::Clear => false,
            FieldKind::Text => true,
            FieldKind::Class(class) => classes.contains(&class),
        })
    }

    fn rules(&self) -> Option<&PrivacyRules> {
        self.with.as_ref().map(|(masking, _)| masking.scanner().rules())
    }

    /// Text with every personal value in the form of its class; the field's name stands before it as context.
    fn scanned(&self, person: Option<&str>, field: &str, text: &str) -> Option<String> {
        let (masking, key) = self.with.as_ref()?;
        let whole = format!("{field}={text}");
        masking.scan(&whole, |complete, spans| match complete {
            Complete::No => Some(COVER.to_owned()),
            Complete::Yes => self.covered((key, person), field, &whole, spans),
        })
    }

    /// What stands behind the field's name in `whole`, with each span in the form of its class.
    fn covered(
        &self,
        (key, person): (&RecipientKey, Option<&str>),
        field: &str,
        whole: &str,
        spans: &[Span],
    ) -> Option<String> {
        let prefix = field.len() + 1;
        let mut seen = String::with_capacity(whole.len());
        let mut at = prefix;
        for span in spans.iter().filter(|span| span.end > prefix) {
            let start = span.start.max(at);
            seen.push_str(whole.get(at..start)?);
            let value = whole.get(start..span.end)?;
            let form = self.table.form_in_text(span.class);
            seen.push_str(form.of(field, value, Some(key), person).as_deref().unwrap_or(COVER));
            at = span.end;
        }
        seen.push_str(whole.get(at..)?);
        Some(seen)
    }
}

impl Masks for RoleMasks {
    fn visibility(&self, field: &str) -> Visibility {
        visibility(self.form(field), self.with.is_some())
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        self.show_about(None, field, value)
    }

    fn show_about<'v>(&self, person: Option<&str>, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        match self.form(field) {
            Form::Scan => self.scanned(person, field, value).map(Cow::Owned),
            form => form.of(field, value, self.with.as_ref().map(|(_, key)| key), person),
        }
    }

    fn person_fields(&self) -> &[String] {
        &self.table.person
    }

    fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn free_text(&self) -> bool {
        self.hidden.is_none() && self.table.free_text
    }
}
