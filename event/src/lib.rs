//! The nouns that cross a wall between two crates of MetroSOC. No I/O, no clock but the one passed in.
//!
//! Every other crate may depend on this one; this one depends on none of them.

mod act;
mod action;
mod alert;
mod atom;
mod attribution;
mod authentication;
mod clock;
mod error;
mod event;
mod finding;
mod id;
pub mod json;
mod names;
mod permit;
mod show;
mod signer;
mod site;
mod time;
mod value;

pub use act::{Act, Acts, NoActs, OWN_MODULE, OwnEvent, OwnRecord};
pub use action::{Action, ActionKind, Trigger};
pub use alert::{Alert, AlertStatus, Entities};
pub use atom::Atom;
pub use attribution::{KnownBy, Origin, Transport};
pub use authentication::{AuthStrength, Authentication};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{EventFull, IdError, TimeError};
pub use event::{Event, FIELDS_MAX, Mark, TEXT_BYTES_MAX};
pub use finding::{Finding, Level, RuleRef};
pub use id::{AgencyId, AlertId, CaseId, EventId, ExceptionId, PlanId, RuleId, SiteId, SourceId, UserName};
pub use names::name_hash;
pub use permit::{
    Counts, Grant, Masks, NoMasks, Noise, Object, Operation, Permit, Reach, Role, Scope, Subject, Visibility,
};
pub use show::{is_free_text, shown, shown_nested, shown_text, visibility};
pub use signer::Signer;
pub use site::{Agency, Site};
pub use time::Timestamp;
pub use value::Value;
