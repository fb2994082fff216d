//! What a check says.

use std::fmt;

use serde::Serialize;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// The rule does not do what it says.
    Error,
}

impl Severity {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal $severity:ident,)*) => {
        /// What was looked for and found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As it is printed, and named to leave it out.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// How much it matters, unless the finding says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }
        }
    };
}

codes! {
    /// The rule is rejected when rules are loaded.
    DoesNotLoad = "does-not-load" Error,
    /// Events of the log source do not have the field.
    UnknownField = "unknown-field" Note,
    /// The condition never asks the search identifier.
    UnreachedSelection = "unreached-selection" Warning,
    /// The condition is true or false whatever the search identifiers are.
    ConstantCondition = "constant-condition" Error,
    /// The condition is the same whether the search identifier holds or not.
    SelectionWithoutEffect = "selection-without-effect" Warning,
    /// `1 of` or `all of` fits one search identifier alone.
    OneOfOne = "one-of-one" Note,
    /// Two search identifiers of a rule ask the same.
    SameSelections = "same-selections" Warning,
    /// A regular expression that every event must be searched with.
    RegexWithoutLiteral = "regex-without-literal" Warning,
    /// A regular expression that needs much memory.
    RegexLarge = "regex-large" Warning,
    /// A repetition inside a repetition.
    RegexNested = "regex-nested" Note,
    /// A regular expression without anything that needs one.
    RegexPlain = "regex-plain" Note,
    /// A wildcard where a modifier says it better.
    WildcardForModifier = "wildcard-for-modifier" Note,
    /// A wildcard that the modifier implies.
    NeedlessWildcard = "needless-wildcard" Warning,
    /// `all` with a single value.
    AllOfOne = "all-of-one" Note,
    /// An alias or an old spelling of a modifier.
    ModifierAlias = "modifier-alias" Note,
    /// An empty text that every value fits.
    EmptyValue = "empty-value" Error,
    /// The same value twice in a list.
    RepeatedValue = "repeated-value" Note,
    /// Another rule has the id.
    DuplicateId = "duplicate-id" Error,
    /// Another rule has the same log source and detection.
    DuplicateDetection = "duplicate-detection" Warning,
    /// There is no id.
    MissingId = "missing-id" Warning,
    /// The id is no UUID.
    IdForm = "id-form" Warning,
    /// There is no title, or it is too long.
    TitleLength = "title-length" Note,
    /// There is no description.
    MissingDescription = "missing-description" Warning,
    /// There is no level.
    MissingLevel = "missing-level" Warning,
    /// There is no status.
    MissingStatus = "missing-status" Warning,
    /// The status is none of Sigma's.
    UnknownStatus = "unknown-status" Warning,
    /// The status says that the rule is not for use.
    RetiredRule = "retired-rule" Warning,
    /// No tag names a technique or tactic of ATT&CK.
    MissingAttackTag = "missing-attack-tag" Warning,
    /// A tag is not as its namespace has it.
    TagForm = "tag-form" Warning,
    /// A date is not `YYYY-MM-DD`.
    DateForm = "date-form" Warning,
    /// The risk score is no whole number from 0 to 100.
    RiskScore = "risk-score" Warning,
    /// No source that MetroSOC decodes gives events of the log source.
    SourceNotGiven = "source-not-given" Note,
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One finding about one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// What it is.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The file, as it was given.
    pub path: String,
    /// The line of the file; that of the rule's beginning where no better one is known.
    pub line: usize,
    /// The rule's id as it is written.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Lint {
    /// A document that is no rule.
    pub(super) fn of_file(path: &str, line: usize, message: String) -> Self {
        let code = Code::DoesNotLoad;
        Self { code, severity: code.severity(), path: path.to_owned(), line, rule: None, message, suggestion: None }
    }

    /// With a way out.
    pub(super) fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(suggestion.into()), ..self }
    }

    /// With another severity than the code's.
    pub(super) fn at(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// `path:line: severity[code]: message; suggestion`, the form that editors jump to.
impl fmt::Display for Lint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, path, line, message, .. } = self;
        write!(formatter, "{path}:{line}: {}[{code}]: {message}", severity.as_str())?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, "; {suggestion}"),
            None => Ok(()),
        }
    }
}
