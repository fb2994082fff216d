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
    Asked { subject: subject.to_owned(), action: action.to_owned(), kind: kind.to_owned(), owner }
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

#[test]
fn a_wrong_file_is_refused_with_its_line() {
    for (text, expected) in [
        ("p, a, b, c, any", "applications.csv:1"),
        ("p, a, b, c, some, allow", "neither `any` nor `own`"),
        ("p, a, b, c, any, maybe", "neither `allow` nor `deny`"),
        ("p, a, , c, any, allow", "is no word"),
        ("p, a, b, c, any, allow\np, a, b, c, any, allow", "applications.csv:2: it stands there twice"),
        ("p, a, b, c, any, allow\ng, a, d\ng, d, a", "a circle"),
        ("g, x, reader", "no line says what the role `reader` may"),
        ("n, x, one\nn, x, two", "two names"),
    ] {
        let error = Applications::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

const MODEL: &str = "[request_definition]\nr = sub, act, kind, own\n[policy_definition]\np = sub, act, kind, own, eft\n\
                     [role_definition]\ng = _, _\n[policy_effect]\n\
                     e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n\
                     m = r.act == p.act && r.kind == p.kind && (p.own == \"any\" || r.own == \"own\") && g(r.sub, p.sub)\n";

fn word(of: &'static str) -> impl Strategy<Value = String> {
    (0_u8..4).prop_map(move |number| format!("{of}{number}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn casbin_says_the_same(
        permissions in prop::collection::btree_set((word("r"), word("a"), word("k"), any::<bool>(), any::<bool>()), 1..12),
        roles in prop::collection::btree_set((word("s"), word("r")), 0..8),
        subject in word("s"), action in word("a"), kind in word("k"), own in any::<bool>(),
    ) {
        let mut text = String::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let allowed = runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
            for (role, action, kind, own, allow) in &permissions {
                let (own, effect) = (if *own { "own" } else { "any" }, if *allow { "allow" } else { "deny" });
                text.push_str(&format!("p, {role}, {action}, {kind}, {own}, {effect}\n"));
                let line = [role.as_str(), action.as_str(), kind.as_str(), own, effect].map(str::to_owned).to_vec();
                enforcer.add_policy(line).await.unwrap();
            }
            for (who, role) in roles.iter().filter(|(_, role)| permissions.iter().any(|line| line.0 == *role)) {
                text.push_str(&format!("g, {who}, {role}\n"));
                enforcer.add_grouping_policy(vec![who.clone(), role.clone()]).await.unwrap();
            }
            enforcer.enforce((subject.as_str(), action.as_str(), kind.as_str(), if own { "own" } else { "any" })).unwrap()
        });
        let owner = if own { subject.as_str() } else { "somebody" };
        let decision = Applications::parse(&text).unwrap().decide(&asked(&subject, &action, &kind, owner));
        prop_assert_eq!(decision.is_some_and(|decision| decision.allowed), allowed, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([pgn], ?[a-c], ?[a-c](, ?[a-c], ?(any|own), ?(allow|deny))?\n){0,6}|\\PC{0,60}") {
        if let Ok(read) = Applications::parse(&text) {
            let again: String = read.lines.iter().map(|line| format!("{line}\n")).collect();
            prop_assert_eq!(Applications::parse(&again).unwrap().lines, read.lines);
        }
    }
}
