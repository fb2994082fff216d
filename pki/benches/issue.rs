//! Figures of issuing: certificates made with their keys, stored and recorded, and what each part costs.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run has to stop")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::{Clock, Grant, NoMasks, Object, Operation, Permit, Role, Scope, SiteId, Subject, SystemClock, UserName};
use keys::{KeySource, Keyring};
use ledger::Ledger;
use pki::{Authority, AuthoritySettings, ProvenKey, Reason, RevokeTarget, SiteKey};
use store::Store;

fn permit() -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("bench").unwrap(), role: Role::Admin, agency: None },
        purpose: "bench".to_owned(),
        operation: Operation::Manage,
        object: Object::Certificates,
        scope: Scope::all(),
        masks: Arc::new(NoMasks),
        not_after: SystemClock.now().plus(Duration::from_secs(3_600)),
        because: Vec::new(),
    })
}

async fn open(dir: &Path) -> Authority {
    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    let keyring = Keyring::open(&KeySource::File(dir.join("master.key")), &data).unwrap();
    let signer = Arc::new(keyring.note_signer("metrosoc").unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = Ledger::open(&data.join("ledger"), signer, Arc::clone(&clock)).unwrap();
    let store = Store::open(&store::sqlite_url(&data.join("state.db"))).await.unwrap();
    Authority::open(store, &keyring, ledger, clock, AuthoritySettings::default()).await.unwrap()
}

fn issue(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authority = runtime.block_on(open(dir.path()));
    let permit = permit();
    let mut group = criterion.benchmark_group("pki");
    group.sample_size(10);

    let mut round = 0;
    group.throughput(Throughput::Elements(807));
    group.bench_function("bulk 807 sites, keys and files included", |bencher| {
        bencher.iter(|| {
            round += 1;
            let name = |number| SiteId::new(format!("r{round}-{number}")).unwrap();
            let sites: Vec<SiteId> = (0..807).map(name).collect();
            let out = dir.path().join(format!("out-{round}"));
            let report = runtime.block_on(authority.bulk(&permit, &sites, &out)).unwrap();
            assert_eq!(report.issued.len(), 807);
        });
    });

    group.throughput(Throughput::Elements(1));
    let site = SiteId::new("bench").unwrap();
    group.bench_function("issue one, durable", |bencher| {
        bencher.iter(|| runtime.block_on(authority.issue(&permit, &site, SiteKey::Made)).unwrap());
    });
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap();
    group.bench_function("request: parse and proof of possession", |bencher| {
        bencher.iter(|| ProvenKey::from_der(black_box(request.der())).unwrap());
    });

    let target = RevokeTarget::Site(site);
    runtime.block_on(authority.revoke(&permit, &target, Reason::Superseded)).unwrap();
    group.bench_function("list of revoked certificates, kept", |bencher| {
        bencher.iter(|| runtime.block_on(authority.crl()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, issue);
criterion_main!(benches);
