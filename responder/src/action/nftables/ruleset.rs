//! The documents that `nft` is given and gives back.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use nftables::expr::{Elem, Expression, NamedExpression, Payload, PayloadField};
use nftables::schema::{
    Chain, Element, FlushObject, NfCmd, NfListObject, NfObject, Nftables, Rule, Set, SetFlag, SetType, SetTypeValue,
    Table,
};
use nftables::stmt::{Match, Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};

use crate::action::{Blocked, FirewallError};

/// One command of a transaction.
pub(super) type Command = NfCmd<'static>;

pub(super) const FAMILY: &str = "inet";
pub(super) const TABLE: &str = "metrosoc";
pub(super) const SET4: &str = "blocked4";
pub(super) const SET6: &str = "blocked6";
const CHAIN: &str = "drop_blocked";
/// Before connection tracking, so that established connections stop.
const PRIORITY: i32 = -300;
/// Room in each set; our limits lie below it.
const SET_SIZE: u32 = 65_536;

/// Table, sets, chain and rules. Adding what is there changes nothing; the rules are flushed and added in the same
/// transaction, so that there is no moment without them.
pub(super) fn set_up() -> Vec<Command> {
    let chain = || Chain { family: NfFamily::INet, table: TABLE.into(), name: CHAIN.into(), ..Chain::default() };
    let base = Chain {
        _type: Some(NfChainType::Filter),
        hook: Some(NfHook::Prerouting),
        prio: Some(PRIORITY),
        policy: Some(NfChainPolicy::Accept),
        ..chain()
    };
    vec![
        NfCmd::Add(NfListObject::Table(table())),
        NfCmd::Add(NfListObject::Set(Box::new(set(SET4, SetType::Ipv4Addr)))),
        NfCmd::Add(NfListObject::Set(Box::new(set(SET6, SetType::Ipv6Addr)))),
        NfCmd::Add(NfListObject::Chain(base)),
        NfCmd::Flush(FlushObject::Chain(chain())),
        NfCmd::Add(NfListObject::Rule(rule("ip", SET4))),
        NfCmd::Add(NfListObject::Rule(rule("ip6", SET6))),
    ]
}

/// Adding first makes the deletion succeed when there was no table.
pub(super) fn tear_down() -> Vec<Command> {
    vec![NfCmd::Add(NfListObject::Table(table())), NfCmd::Delete(NfListObject::Table(table()))]
}

/// Blocks an address until `duration` from now. Adding an element that is there leaves its old end on many kernels:
/// it is added (so that it is there), deleted, and added with the new end.
pub(super) fn block(address: IpAddr, duration: Duration) -> Vec<Command> {
    let secs = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).max(1);
    vec![
        NfCmd::Add(NfListObject::Element(element(address, Some(secs)))),
        NfCmd::Delete(NfListObject::Element(element(address, None))),
        NfCmd::Add(NfListObject::Element(element(address, Some(secs)))),
    ]
}

/// Lets an address through; it is added first, since deleting what is not there would abort the transaction.
pub(super) fn unblock(address: IpAddr) -> Vec<Command> {
    vec![
        NfCmd::Add(NfListObject::Element(element(address, Some(1)))),
        NfCmd::Delete(NfListObject::Element(element(address, None))),
    ]
}

/// The transaction as JSON.
pub(super) fn document(commands: &[Command]) -> Result<String, FirewallError> {
    let objects: Vec<NfObject<'static>> = commands.iter().cloned().map(NfObject::CmdObject).collect();
    serde_json::to_string(&Nftables { objects: Cow::Owned(objects) })
        .map_err(|error| FirewallError::Refused { reason: format!("document cannot be written: {error}") })
}

/// The addresses in the answer to `list set`. Elements that are not addresses with a time are left out.
pub(super) fn elements(answer: &str) -> Result<Vec<Blocked>, FirewallError> {
    let answer: Nftables<'_> = serde_json::from_str(answer)
        .map_err(|error| FirewallError::Refused { reason: format!("answer cannot be read: {error}") })?;
    let mut all = Vec::new();
    for object in answer.objects.iter() {
        let NfObject::ListObject(NfListObject::Set(set)) = object else { continue };
        all.extend(set.elem.iter().flat_map(|elements| elements.iter()).filter_map(blocked));
    }
    Ok(all)
}

fn blocked(element: &Expression<'_>) -> Option<Blocked> {
    let Expression::Named(NamedExpression::Elem(element)) = element else { return None };
    let Expression::String(address) = &*element.val else { return None };
    let remaining = Duration::from_secs(u64::from(element.expires.or(element.timeout)?));
    Some(Blocked { address: address.parse().ok()?, remaining })
}

fn table() -> Table<'static> {
    Table { family: NfFamily::INet, name: TABLE.into(), handle: None }
}

fn set(name: &'static str, kind: SetType) -> Set<'static> {
    Set {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        set_type: SetTypeValue::Single(kind),
        flags: Some([SetFlag::Timeout].into()),
        size: Some(SET_SIZE),
        ..Set::default()
    }
}

/// `PROTOCOL saddr @SET drop`
fn rule(protocol: &'static str, set: &'static str) -> Rule<'static> {
    let source = PayloadField { protocol: protocol.into(), field: "saddr".into() };
    let found = Match {
        left: Expression::Named(NamedExpression::Payload(Payload::PayloadField(source))),
        right: Expression::String(format!("@{set}").into()),
        op: Operator::EQ,
    };
    Rule {
        family: NfFamily::INet,
        table: TABLE.into(),
        chain: CHAIN.into(),
        expr: Cow::Owned(vec![Statement::Match(found), Statement::Drop(None)]),
        ..Rule::default()
    }
}

fn element(address: IpAddr, timeout_secs: Option<u32>) -> Element<'static> {
    let text = Expression::String(address.to_string().into());
    let value = match timeout_secs {
        None => text,
        Some(_) => Expression::Named(NamedExpression::Elem(Elem {
            val: Box::new(text),
            timeout: timeout_secs,
            expires: None,
            comment: None,
            counter: None,
        })),
    };
    Element {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: if address.is_ipv4() { SET4 } else { SET6 }.into(),
        elem: Cow::Owned(vec![value]),
    }
}
