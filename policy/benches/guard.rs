//! Decisions a second: through the whole guard (decision, explanation, permit), and of the engine alone.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::{AgencyId, Masks, Object, Operation, Role, Subject, SystemClock, UserName};
use policy::guard::{CasbinDecider, Decider, Line, Minute, PolicyText, Question, Strength, Vocabulary, parse_lines};
use policy::{Guard, PolicySource};

fn subject(role: Role) -> Option<Subject> {
    Some(Subject { name: UserName::new("lan").ok()?, role, agency: Some(AgencyId::new("so-y-te").ok()?) })
}

fn decisions(criterion: &mut Criterion) {
    let Ok(guard) = Guard::open(PolicySource::Embedded, Arc::new(SystemClock)) else { return };
    let mut group = criterion.benchmark_group("guard");
    group.throughput(Throughput::Elements(1));
    for (name, role, operation) in [
        ("allow_all", Role::AnalystTier1, Operation::Read),
        ("allow_own_agency", Role::AgencyOfficer, Operation::Read),
        ("deny_no_line", Role::AgencyOfficer, Operation::Export),
    ] {
        let Some(subject) = subject(role) else { return };
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(guard.permit(black_box(&subject), operation, Object::Events, "triage").is_ok()));
        });
    }
    let question = Question {
        who: "role1",
        scope: "all",
        own: false,
        object: "events",
        class: "",
        operation: "read",
        purpose: "triage",
        basis: "",
        time: Minute::new(0),
        strength: Strength::Password,
        grant: "",
    };
    let Some(engine) = engine() else { return };
    group.bench_function("engine_alone", |bencher| bencher.iter(|| engine.decide(black_box(&question)).is_ok()));
    group.finish();
}

/// Casbin over about as many lines as the policy has.
fn engine() -> Option<CasbinDecider> {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let words = Vocabulary {
        roles: (1..80).map(|role| format!("role{role}")).collect(),
        objects: set(&["events"]),
        operations: set(&["read"]),
        ..Vocabulary::default()
    };
    let text: String = (1..80).map(|role| format!("p, role{role}, all, events, read, stated, allow\n")).collect();
    let lines: Vec<Line> = parse_lines(&text, &words).ok()?;
    CasbinDecider::new(&PolicyText::embedded().model, &lines).ok()
}

fn masks(criterion: &mut Criterion) {
    let Ok(guard) = Guard::open(PolicySource::Embedded, Arc::new(SystemClock)) else { return };
    let Some(subject) = subject(Role::AnalystTier1) else { return };
    let masks = guard.masks(&subject);
    let fields = [
        ("user.name", "nguyễn.văn.an"),
        ("source.ip", "203.0.113.9"),
        ("message", "Failed password for invalid user"),
        ("app.customer.phone", "0912345678"),
    ];
    let mut group = criterion.benchmark_group("masks");
    group.throughput(Throughput::Elements(fields.len() as u64));
    group.bench_function("show", |bencher| {
        bencher.iter(|| fields.iter().filter_map(|(field, value)| black_box(masks.show(field, value))).count());
    });
    group.finish();
}

criterion_group!(benches, decisions, masks);
criterion_main!(benches);
