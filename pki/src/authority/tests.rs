//! The authority as its operator knows it: first start, issuing, bulk, revocation, lists.

pub(crate) mod fixture;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use event::{Clock, Operation};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::FromDer;

use self::fixture::{House, permit, site};
use super::profile::{DAY, Draft, Validity};
use super::*;
use crate::link::PeerSite;

fn request(names: &[&str]) -> (KeyPair, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let pem = CertificateParams::new(names).unwrap().serialize_request(&key).unwrap().pem().unwrap();
    (key, pem)
}

fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn the_authority_is_made_once() {
    for house in House::all().await {
        let again = house.again().await;
        assert_eq!(again.roots_pem(), house.authority.roots_pem());
        assert_eq!(again.issuing_pem(), house.authority.issuing_pem());
        for (pem, profile) in [(again.roots_pem(), Profile::Root), (again.issuing_pem(), Profile::Issuing)] {
            assert_eq!(lint::check(profile, &chain(pem)[0]), Ok(()));
        }
    }
}

#[tokio::test]
async fn a_request_decides_nothing_but_its_key() {
    for house in House::all().await {
        let permit = house.permit(Operation::Manage);
        let (_, pem) = request(&["admin.example", "10.0.0.1"]);
        let issued = house.authority.issue(&permit, &site("hcm-q1"), SiteKey::Request(&pem)).await.unwrap();
        assert!(issued.key_pem.is_none());
        assert_eq!(issued.certificate.key_origin, KeyOrigin::Agent);
        assert_eq!(issued.certificate.names, ["spiffe://metrosoc/site/hcm-q1", "hcm-q1.site.metrosoc.internal"]);
        let chain = chain(&issued.chain_pem);
        assert_eq!(chain.len(), 2);
        let peer = PeerSite::of_verified(&chain).unwrap();
        assert_eq!((peer.site, peer.serial), (site("hcm-q1"), issued.certificate.serial.clone()));
        let text = format!("{:?}", x509_parser::certificate::X509Certificate::from_der(&chain[0]).unwrap());
        assert!(!text.contains("admin.example"));
        assert_eq!(house.authority.chain_pem(&issued.certificate.serial).await.unwrap(), issued.chain_pem);

        // The register says the same.
        let listed = house.authority.list(&house.permit(Operation::Read), &ListFilter::default()).await.unwrap();
        assert_eq!(listed.iter().filter(|one| one.site().is_some()).collect::<Vec<_>>(), [&issued.certificate]);

        // The same key for the same site is a renewal; for another site it is not.
        house.authority.issue(&permit, &site("hcm-q1"), SiteKey::Request(&pem)).await.unwrap();
        let error = house.authority.issue(&permit, &site("hcm-q3"), SiteKey::Request(&pem)).await.unwrap_err();
        assert!(error.to_string().contains("already used by `hcm-q1`"), "{error}");
        house.authority.revoke(&permit, &RevokeTarget::Site(site("hcm-q1")), Reason::KeyCompromise).await.unwrap();
        let error = house.authority.issue(&permit, &site("hcm-q1"), SiteKey::Request(&pem)).await.unwrap_err();
        assert!(error.to_string().contains("compromised"), "{error}");
    }
}

#[tokio::test]
async fn nothing_happens_without_the_right_permit() {
    let house = House::new().await;
    let read = house.permit(Operation::Read);
    let stale = permit(Operation::Manage, house.clock.now().minus(Duration::from_secs(600)));
    for wrong in [&read, &stale] {
        let out = house.dir.path().join("out");
        assert!(matches!(
            house.authority.issue(wrong, &site("a"), SiteKey::Made).await,
            Err(PkiError::NotPermitted { .. })
        ));
        assert!(matches!(house.authority.bulk(wrong, &[site("a")], &out).await, Err(PkiError::NotPermitted { .. })));
        let target = RevokeTarget::Site(site("a"));
        assert!(matches!(
            house.authority.revoke(wrong, &target, Reason::Unspecified).await,
            Err(PkiError::NotPermitted { .. })
        ));
        assert!(!out.exists());
    }
    assert!(matches!(house.authority.list(&stale, &ListFilter::default()).await, Err(PkiError::NotPermitted { .. })));
}

#[tokio::test]
async fn bulk_gives_every_site_a_certificate_once() {
    for house in House::all().await {
        let permit = house.permit(Operation::Manage);
        let sites: Vec<_> = (0..807).map(|number| site(&format!("hcm-site-{number:03}"))).collect();
        let out = house.dir.path().join("certificates");
        let began = Instant::now();
        let report = house.authority.bulk(&permit, &sites, &out).await.unwrap();
        eprintln!("807 certificates with keys in {:?}", began.elapsed());
        assert_eq!((report.issued.len(), report.skipped), (807, 0));
        assert!(report.issued.iter().all(|one| one.key_origin == KeyOrigin::Authority));
        let serials: BTreeSet<_> = report.issued.iter().map(|one| &one.serial).collect();
        assert_eq!(serials.len(), 807);
        let mode = |name: &str| std::fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("hcm-site-000.key.pem"), 0o600);
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2 * 807);
        let chain = chain(&std::fs::read_to_string(out.join("hcm-site-806.pem")).unwrap());
        assert_eq!(PeerSite::of_verified(&chain).unwrap().site, site("hcm-site-806"));
        crate::link::ServerIdentity::load(&out.join("hcm-site-806.pem"), &out.join("hcm-site-806.key.pem")).unwrap();

        // A run that was cut short is finished; one that was not does nothing.
        std::fs::remove_file(out.join("hcm-site-005.pem")).unwrap();
        std::fs::remove_file(out.join("hcm-site-006.pem")).unwrap();
        std::fs::copy(out.join("hcm-site-007.key.pem"), out.join("hcm-site-006.key.pem")).unwrap();
        let report = house.authority.bulk(&permit, &sites, &out).await.unwrap();
        assert_eq!((report.issued.len(), report.skipped), (0, 807));
        assert_eq!(report.completed, [site("hcm-site-005")], "a key that is not its own is left alone");

        // A revoked site gets another one.
        let target = RevokeTarget::Site(site("hcm-site-009"));
        house.authority.revoke(&permit, &target, Reason::Superseded).await.unwrap();
        let report = house.authority.bulk(&permit, &sites, &out).await.unwrap();
        assert_eq!(report.issued.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["hcm-site-009"]);
    }
}

#[tokio::test]
async fn reserved_sites_get_none() {
    let house = House::new().await;
    for id in ["unknown", "local"] {
        let error =
            house.authority.issue(&house.permit(Operation::Manage), &site(id), SiteKey::Made).await.unwrap_err();
        assert!(error.to_string().contains("is reserved"), "{error}");
    }
}

#[tokio::test]
async fn bulk_says_where_it_cannot_write() {
    let house = House::new().await;
    let file = house.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = house.authority.bulk(&house.permit(Operation::Manage), &[site("a")], &file).await.unwrap_err();
    assert!(error.to_string().contains("/file`"), "{error}");
}

#[tokio::test]
async fn revocation_reaches_register_listeners_and_lists() {
    for house in House::all().await {
        let permit = house.permit(Operation::Manage);
        let mut told = house.authority.revocations();
        assert!(told.borrow_and_update().is_empty());
        let empty = house.authority.crl().await.unwrap();
        let one = house.authority.issue(&permit, &site("a"), SiteKey::Made).await.unwrap().certificate;
        let two = house.authority.issue(&permit, &site("b"), SiteKey::Made).await.unwrap().certificate;
        let written = one.serial.to_ascii_uppercase();
        let target = RevokeTarget::Serial(written);
        let revoked = house.authority.revoke(&permit, &target, Reason::KeyCompromise).await.unwrap();
        assert_eq!(revoked[0].status, CertificateStatus::Revoked);
        assert!(told.has_changed().unwrap());
        assert_eq!(told.borrow_and_update().iter().collect::<Vec<_>>(), [&one.serial]);
        house.authority.revoke(&permit, &RevokeTarget::Site(site("b")), Reason::PrivilegeWithdrawn).await.unwrap();
        assert!(told.borrow_and_update().contains(&two.serial));

        // Twice is once.
        let again = house.authority.revoke(&permit, &target, Reason::KeyCompromise).await.unwrap_err();
        assert!(matches!(again, PkiError::Unknown { .. }));

        // The list: more numbers, two entries, signed by the issuing certificate.
        let crl = house.authority.crl().await.unwrap();
        assert!(crl.number > empty.number && (empty.entries, crl.entries) == (0, 2));
        let (_, read) = x509_parser::revocation_list::CertificateRevocationList::from_der(&crl.der).unwrap();
        let issuing = chain(house.authority.issuing_pem());
        let (_, issuing) = x509_parser::certificate::X509Certificate::from_der(&issuing[0]).unwrap();
        read.verify_signature(issuing.public_key()).unwrap();
        let serials: BTreeSet<_> =
            read.iter_revoked_certificates().map(|one| serial::written(one.raw_serial())).collect();
        assert_eq!(serials, [one.serial.clone(), two.serial.clone()].into());
        assert_eq!(house.authority.crl().await.unwrap(), crl, "kept until it is half old");
        house.clock.advance(Duration::from_secs(13 * 3_600));
        let later = house.authority.crl().await.unwrap();
        assert!(later.number > crl.number && later.next_update > crl.next_update);

        // A restart remembers; what expired long ago is dropped.
        assert_eq!(house.again().await.revocations().borrow().len(), 2);
        house.clock.advance(DAY * 400);
        house.authority.reload_revocations().await.unwrap();
        assert!(house.authority.revocations().borrow().is_empty());
    }
}

#[tokio::test]
async fn the_server_certificate_is_kept_and_renewed() {
    let house = House::new().await;
    let names = ServerNames::local(&["soc.example.vn".to_owned()]).unwrap();
    let identity = house.authority.server_certificate(&names).await.unwrap();
    let first = identity.chain();
    assert_eq!(lint::check(Profile::Server, &first[0]), Ok(()));
    assert_eq!(house.again().await.server_certificate(&names).await.unwrap().chain(), first, "kept over a restart");
    assert!(!house.authority.renew_server(&identity, &names).await.unwrap());
    house.clock.advance(DAY * 59);
    assert!(!house.authority.renew_server(&identity, &names).await.unwrap(), "more than a third is left");
    house.clock.advance(DAY * 2);
    assert!(house.authority.renew_server(&identity, &names).await.unwrap());
    assert_ne!(identity.chain()[0], first[0]);
    assert!(!house.authority.renew_server(&identity, &names).await.unwrap());

    // Another name, another certificate.
    let more = ServerNames::local(&["soc2.example.vn".to_owned()]).unwrap();
    assert!(house.authority.renew_server(&identity, &more).await.unwrap());
}

#[tokio::test]
async fn the_lint_names_the_rule_that_is_broken() {
    let house = House::new().await;
    let inner = &house.authority.0;
    let info = issue::public_info(&keys::CertificateKey::generate().unwrap()).unwrap();
    let serial = serial::draw(&inner.random).unwrap();
    let check = |change: &dyn Fn(&mut CertificateParams), expected: Option<&str>| {
        let validity = Validity::starting(inner.clock.now(), DAY * 365, inner.issuing.not_after);
        let profile = Profile::Site;
        let draft = Draft { profile, serial: &serial, validity, organisation: "City", crl_urls: &[] };
        let mut params = draft.site(&site("a")).unwrap();
        change(&mut params);
        let found = lint::Linted::prove(profile, "a", params, &info, &inner.bench).err().map(|error| error.to_string());
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{expected:?}");
    };
    check(&|_| {}, None);
    check(&|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained), Some("wrong cA flag"));
    check(&|params| params.is_ca = rcgen::IsCa::NoCa, Some("no basicConstraints"));
    check(&|params| params.key_usages.push(rcgen::KeyUsagePurpose::KeyCertSign), Some("wrong keyUsage"));
    check(&|params| params.key_usages.push(rcgen::KeyUsagePurpose::KeyAgreement), Some("more keyUsage"));
    check(&|params| params.key_usages.clear(), Some("no keyUsage"));
    check(&|params| params.extended_key_usages.clear(), Some("extKeyUsage missing"));
    check(
        &|params| params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth),
        Some("wrong extKeyUsage"),
    );
    check(&|params| params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::Any), Some("more extKeyUsage"));
    check(&|params| params.subject_alt_names.clear(), Some("alternative name missing"));
    check(
        &|params| params.subject_alt_names.push(rcgen::SanType::IpAddress([10, 0, 0, 1].into())),
        Some("one URI and at most one host name"),
    );
    check(&|params| params.serial_number = Some(1_u64.into()), Some("serial number shorter"));
    check(&|params| params.not_after += DAY * 1_000, Some("valid for longer"));
    check(&|params| params.not_after = params.not_before, Some("ends before it begins"));
    check(&|params| params.use_authority_key_identifier_extension = false, Some("no authority key identifier"));
    check(
        &|params| params.distinguished_name.push(rcgen::DnType::CommonName, "x".repeat(65)),
        Some("common name longer"),
    );
    check(
        &|params| params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])),
        Some("is not in the profile"),
    );
}

/// Runs openssl on files; `None` (loudly) where there is no such program.
fn openssl(arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new("openssl").args(arguments).output() else {
        eprintln!("SKIPPED: no `openssl` on this machine");
        return None;
    };
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

#[tokio::test]
async fn openssl_agrees() {
    let house = House::new().await;
    let permit = house.permit(Operation::Manage);
    let out = house.dir.path().join("out");
    house.authority.bulk(&permit, &[site("good"), site("bad")], &out).await.unwrap();
    house.authority.revoke(&permit, &RevokeTarget::Site(site("bad")), Reason::KeyCompromise).await.unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(out.join(name), text).unwrap();
        out.join(name).display().to_string()
    };
    let roots = file("roots.pem", house.authority.roots_pem());
    let issuing = file("issuing.pem", house.authority.issuing_pem());
    let crls = file("crls.pem", &house.authority.crl_pem().await.unwrap());
    let path = |name: &str| out.join(name).display().to_string();
    let verify = |name: &str, more: &[&str]| {
        let leaf = path(name);
        let mut arguments = vec!["verify", "-x509_strict", "-CAfile", &roots, "-untrusted", &issuing];
        arguments.extend(more);
        arguments.push(&leaf);
        openssl(&arguments)
    };
    let Some((fine, text)) = verify("good.pem", &["-purpose", "sslclient"]) else { return };
    assert!(fine, "{text}");
    let (fine, text) = verify("good.pem", &["-crl_check_all", "-CRLfile", &crls]).unwrap();
    assert!(fine, "{text}");
    let (fine, text) = verify("bad.pem", &["-crl_check_all", "-CRLfile", &crls]).unwrap();
    assert!(!fine && text.contains("certificate revoked"), "{text}");
    let (fine, text) = verify("good.pem", &["-purpose", "sslserver"]).unwrap();
    assert!(!fine, "a site is no server: {text}");
    let identity = house.authority.server_certificate(&ServerNames::local(&[]).unwrap()).await.unwrap();
    std::fs::write(out.join("server.der"), &identity.chain()[0]).unwrap();
    let (fine, text) = verify("server.der", &["-purpose", "sslserver", "-verify_ip", "::1"]).unwrap();
    assert!(fine, "{text}");
    let (fine, text) = openssl(&["crl", "-in", &crls, "-noout", "-text", "-CAfile", &issuing]).unwrap();
    assert!(fine && text.contains("Key Compromise") && text.contains("verify OK"), "{text}");
    let (fine, text) = openssl(&["pkey", "-in", &path("good.key.pem"), "-noout", "-check"]).unwrap();
    assert!(fine, "{text}");
}

#[tokio::test]
async fn a_token_enrols_its_site_once() {
    for house in House::all().await {
        let (manage, read) = (house.permit(Operation::Manage), house.permit(Operation::Read));
        let hour = Duration::from_secs(3_600);
        let refused = house.authority.enrolment_token(&read, &site("hcm-q1"), hour).await.unwrap_err();
        assert!(matches!(refused, PkiError::NotPermitted { .. }), "{refused}");
        let token = house.authority.enrolment_token(&manage, &site("hcm-q1"), hour).await.unwrap();
        let token = token.token.expose().clone();

        let request = crate::holder::Request::make().unwrap();
        let error = house.authority.enrol(&token, "no request").await.unwrap_err();
        assert!(matches!(error, PkiError::Request { .. }), "a bad request does not spend the token: {error}");
        for wrong in ["", "msoc_enrol_x", &token.to_uppercase(), &"x".repeat(10_000)] {
            let error = house.authority.enrol(wrong, &request.request_pem).await.unwrap_err();
            assert!(matches!(error, PkiError::Token), "{wrong}: {error}");
        }
        let issued = house.authority.enrol(&token, &request.request_pem).await.unwrap();
        assert_eq!(PeerSite::of_verified(&chain(&issued.chain_pem)).unwrap().site, site("hcm-q1"));
        assert_eq!(issued.certificate.created_by, "site:hcm-q1");
        let held = crate::holder::Held::read(issued.chain_pem.as_bytes()).unwrap();
        assert_eq!((held.site.clone(), held.not_after), (site("hcm-q1"), issued.certificate.not_after));
        assert!(held.renew_from() > house.clock.now() && held.renew_from() < held.not_after);

        let again = house.authority.enrol(&token, &request.request_pem).await.unwrap_err();
        assert!(matches!(again, PkiError::Token), "{again}");
        let other = crate::holder::Request::make().unwrap();
        assert!(matches!(house.authority.enrol(&token, &other.request_pem).await, Err(PkiError::Token)));
        let renewed = house.authority.renew(&site("hcm-q1"), &other.request_pem).await.unwrap();
        assert_ne!(renewed.certificate.serial, issued.certificate.serial);
        let stolen = house.authority.renew(&site("hcm-q3"), &other.request_pem).await.unwrap_err();
        assert!(stolen.to_string().contains("already used by"), "{stolen}");

        let late = house.authority.enrolment_token(&manage, &site("hcm-q3"), hour).await.unwrap();
        house.clock.advance(hour + Duration::from_secs(1));
        let fresh = crate::holder::Request::make().unwrap();
        let error = house.authority.enrol(late.token.expose(), &fresh.request_pem).await.unwrap_err();
        assert!(matches!(error, PkiError::Token), "{error}");
    }
}
