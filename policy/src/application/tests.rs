//! Decisions as a table, faults with their lines, and the same answers from Casbin's own enforcer.

use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use proptest::prelude::*;

use super::*;

const LISTS: &str = "\
# Lists of things to do.
p, viewer, can_read_user, user, any, allow
p, viewer, can_read_todos, todo, any, allow
p, editor, can_create_todo, todo, any, allow
p, editor, can_update_todo, todo, own, allow
p, editor, can_delete_todo, todo, own, allow
p, genius, can_update_todo, todo, any, allow
p, keeper, can_delete_todo, todo, any, allow
p, guest, can_read_user, user, any, deny
g, editor, viewer
g, genius, editor
g, keeper, editor
g, r1, keeper
g, r1, genius
g, m2, editor
n, m2, morty@house.example
g, b3, viewer
g, x9, viewer
g, x9, guest
";

fn asked(subject: &str, action: &str, kind: &str, owner: &str) -> Asked {
    let owner = Some(owner.to_owned()).filter(|owner| !owner.is_empty());
    Asked { subject: subject.to_owned(), action: action.to_owned(), kind: kind.to_owned(), owner, words: Words::new() }
}

/// With these words beside.
fn stating(asked: Asked, words: &[(&str, &[&str])]) -> Asked {
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    Asked { words: words.iter().map(|(name, list)| ((*name).to_owned(), owned(list))).collect(), ..asked }
}

#[test]
fn roles_owners_and_denials_decide() {
    let lists = Applications::parse(LISTS).unwrap();
    for (subject, action, kind, owner, expected) in [
        ("b3", "can_read_user", "user", "", true),
        ("b3", "can_read_todos", "todo", "", true),
        ("b3", "can_create_todo", "todo", "", false),
        ("m2", "can_create_todo", "todo", "", true),
        ("m2", "can_update_todo", "todo", "morty@house.example", true),
        ("m2", "can_update_todo", "todo", "m2", true),
        ("m2", "can_update_todo", "todo", "rick@house.example", false),
        ("m2", "can_update_todo", "todo", "", false),
        ("m2", "can_delete_todo", "todo", "rick@house.example", false),
        ("r1", "can_update_todo", "todo", "morty@house.example", true),
        ("r1", "can_delete_todo", "todo", "morty@house.example", true),
        ("x9", "can_read_todos", "todo", "", true),
        ("x9", "can_read_user", "user", "", false),
        ("nobody", "can_read_todos", "todo", "", false),
        ("viewer", "can_shout", "todo", "", false),
    ] {
        let decision = lists.decide(&asked(subject, action, kind, owner)).unwrap();
        assert_eq!(decision.allowed, expected, "{subject} {action} {owner}: {decision:?}");
    }
    assert_eq!(lists.decide(&asked("r1", "can_read_user", "house", "")), None, "of no application");
    let decision = lists.decide(&asked("x9", "can_read_user", "user", "")).unwrap();
    assert_eq!(decision.because, ["p, guest, can_read_user, user, any, deny"]);
}

/// Files that are closed only a keeper changes; a draft is deleted into the bin alone; a gateway's routes are told by their id.
const FILES: &str = "\
p, clerk, open, file, any, allow
p, clerk, change, file, any, allow
p, clerk, change, file, any, deny, resource.state=closed, subject.role!=keeper
p, visitor, open, file, any, allow
p, visitor, change, file, any, allow, subject.role=keeper, resource.state=closed
p, clerk, delete, file, any, allow, action.bin=true
p, visitor, GET, route, any, allow, resource.id=/files
p, clerk, POST, route, any, allow, resource.id=/files
g, clerk, visitor
g, lan, clerk
g, minh, visitor
";

#[test]
fn conditions_decide_by_what_is_stated() {
    let files = Applications::parse(FILES).unwrap();
    let closed: (&str, &[&str]) = ("resource.state", &["closed"]);
    let keeper: (&str, &[&str]) = ("subject.role", &["clerk", "keeper"]);
    for (subject, action, kind, words, expected) in [
        ("lan", "open", "file", &[closed][..], true),
        ("lan", "change", "file", &[], true),
        ("lan", "change", "file", &[("resource.state", &["open"][..])], true),
        ("lan", "change", "file", &[closed], false),
        ("lan", "change", "file", &[closed, keeper], true),
        ("minh", "open", "file", &[], true),
        ("minh", "change", "file", &[], false),
        ("minh", "change", "file", &[keeper], false),
        ("minh", "change", "file", &[closed, keeper], true),
        ("lan", "delete", "file", &[], false),
        ("lan", "delete", "file", &[("action.bin", &["false"])], false),
        ("lan", "delete", "file", &[("action.bin", &["true"])], true),
        ("minh", "GET", "route", &[("resource.id", &["/files"])], true),
        ("minh", "GET", "route", &[("resource.id", &["/people"])], false),
        ("minh", "POST", "route", &[("resource.id", &["/files"])], false),
        ("lan", "POST", "route", &[("resource.id", &["/files"])], true),
    ] {
        let decision = files.decide(&stating(asked(subject, action, kind, ""), words)).unwrap();
        assert_eq!(decision.allowed, expected, "{subject} {action} {words:?}: {decision:?}");
    }
    let denied = files.decide(&stating(asked("lan", "change", "file", ""), &[closed])).unwrap();
    assert_eq!(denied.because, ["p, clerk, change, file, any, deny, resource.state=closed, subject.role!=keeper"]);
}

#[test]
fn a_wrong_file_is_refused_with_its_line() {
    for (text, expected) in [
        ("p, a, b, c, any", "applications.csv:1"),
        ("p, a, b, c, some, allow", "neither `any` nor `own`"),
        ("p, a, b, c, any, maybe", "neither `allow` nor `deny`"),
        ("p, a, , c, any, allow", "is no word"),
        ("p, a, b, c, any, allow, resource.state", "neither `PART.NAME=WORD`"),
        ("p, a, b, c, any, allow, resource.=x", "neither `PART.NAME=WORD`"),
        ("p, a, b, c, any, allow, state=closed", "neither `PART.NAME=WORD`"),
        ("p, a, b, c, any, allow, person.state=closed", "`person` is none of subject, action"),
        ("p, a, b, c, any, allow\np, a, b, c, any, allow", "applications.csv:2: it stands there twice"),
        ("p, a, b, c, any, allow\ng, a, d\ng, d, a", "a circle"),
        ("g, x, reader", "no line says what the role `reader` may"),
        ("n, x, one\nn, x, two", "two names"),
    ] {
        let error = Applications::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

const MODEL: &str = "[request_definition]\nr = sub, act, kind, own, state\n\
                     [policy_definition]\np = sub, act, kind, own, is, isnt, eft\n\
                     [role_definition]\ng = _, _\n[policy_effect]\n\
                     e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n\
                     m = r.act == p.act && r.kind == p.kind && (p.own == \"any\" || r.own == \"own\") && g(r.sub, p.sub) \
                     && (p.is == \"-\" || p.is == r.state) && (p.isnt == \"-\" || p.isnt != r.state)\n";

fn word(of: &'static str) -> impl Strategy<Value = String> {
    (0_u8..4).prop_map(move |number| format!("{of}{number}"))
}

fn state() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.4, (0_u8..2).prop_map(|number| format!("v{number}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn casbin_says_the_same(
        permissions in prop::collection::btree_set(
            (word("r"), word("a"), word("k"), any::<bool>(), any::<bool>(), state(), state()), 1..12),
        roles in prop::collection::btree_set((word("s"), word("r")), 0..8),
        subject in word("s"), action in word("a"), kind in word("k"), own in any::<bool>(), stated in state(),
    ) {
        let mut text = String::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let allowed = runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
            for (role, action, kind, own, allow, is, isnt) in &permissions {
                let (own, effect) = (if *own { "own" } else { "any" }, if *allow { "allow" } else { "deny" });
                text.push_str(&format!("p, {role}, {action}, {kind}, {own}, {effect}"));
                for (sign, word) in [("=", is), ("!=", isnt)] {
                    if let Some(word) = word {
                        text.push_str(&format!(", resource.state{sign}{word}"));
                    }
                }
                text.push('\n');
                let (is, isnt) = (is.as_deref().unwrap_or("-"), isnt.as_deref().unwrap_or("-"));
                let line = [role.as_str(), action, kind, own, is, isnt, effect].map(str::to_owned).to_vec();
                enforcer.add_policy(line).await.unwrap();
            }
            for (who, role) in roles.iter().filter(|(_, role)| permissions.iter().any(|line| line.0 == *role)) {
                text.push_str(&format!("g, {who}, {role}\n"));
                enforcer.add_grouping_policy(vec![who.clone(), role.clone()]).await.unwrap();
            }
            let (whose, state) = (if own { "own" } else { "any" }, stated.as_deref().unwrap_or_default());
            enforcer.enforce((subject.as_str(), action.as_str(), kind.as_str(), whose, state)).unwrap()
        });
        let owner = if own { subject.as_str() } else { "somebody" };
        let state: Vec<&str> = stated.as_deref().into_iter().collect();
        let asked = stating(asked(&subject, &action, &kind, owner), &[("resource.state", state.as_slice())]);
        let decision = Applications::parse(&text).unwrap().decide(&asked);
        prop_assert_eq!(decision.is_some_and(|decision| decision.allowed), allowed, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([pgn], ?[a-c], ?[a-c](, ?[a-c], ?(any|own), ?(allow|deny)(, ?[cr][a-z]{0,8}[.]?[a-b]!?=?[a-b])?)?\n){0,6}|\\PC{0,60}") {
        if let Ok(read) = Applications::parse(&text) {
            let again: String = read.lines.iter().map(|line| format!("{line}\n")).collect();
            prop_assert_eq!(Applications::parse(&again).unwrap().lines, read.lines);
        }
    }
}
