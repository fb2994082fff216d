//! Real handshakes over loopback: who is let in, who is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use event::Operation;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::authority::tests::fixture::{House, site};
use crate::{Reason, RevokeTarget, ServerNames, SiteKey};

type Client = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

async fn client_of(house: &House, id: &str) -> Client {
    let permit = house.permit(Operation::Manage);
    let issued = house.authority.issue(&permit, &site(id), SiteKey::Made).await.unwrap();
    let chain = CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(issued.key_pem.unwrap().expose().as_bytes()).unwrap())
}

fn client_config(
    house: &House,
    client: Option<Client>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(house.authority.roots_pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    Arc::new(match client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
    })
}

/// One connection: what the server learnt of its peer, or why it did not come about.
async fn meet(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    name: &'static str,
) -> Result<Option<PeerSite>, String> {
    let loopback: SocketAddr = if name == "127.0.0.1" { "127.0.0.1:0" } else { "[::1]:0" }.parse().unwrap();
    let listener = TcpListener::bind(loopback).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::clone(server));
    let connector = TlsConnector::from(Arc::clone(client));
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
        let peer = stream.get_ref().1.peer_certificates().and_then(PeerSite::of_verified);
        let resumed = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        stream.write_all(b"hello").await.map_err(|error| error.to_string())?;
        stream.shutdown().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((peer, resumed))
    };
    let asking = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream =
            connector.connect(ServerName::try_from(name).unwrap(), stream).await.map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(text)
    };
    let (served, asked) =
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(serving, asking) }).await.unwrap();
    let (peer, resumed) = served?;
    assert_eq!(asked?, b"hello");
    assert!(!resumed, "a session was resumed");
    Ok(peer)
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

async fn listeners(house: &House) -> (Arc<ServerIdentity>, Arc<ServerConfig>) {
    let identity = house.authority.server_certificate(&ServerNames::local(&[]).unwrap()).await.unwrap();
    let config = mutual_config(&identity, &house.authority.trust()).unwrap();
    (identity, config)
}

async fn check(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, expected: &str) {
    let found = match meet(server, client, "localhost").await {
        Ok(peer) => peer.map_or("nobody".to_owned(), |peer| peer.site.to_string()),
        Err(error) => error,
    };
    assert!(found.contains(expected), "expected `{expected}`, found `{found}`");
}

#[tokio::test]
async fn a_site_is_let_in_on_both_versions_and_families() {
    let house = House::new().await;
    let (_, server) = listeners(&house).await;
    let (chain, key) = client_of(&house, "hcm-q1-p-bennghe").await;
    for version in BOTH {
        let config = client_config(&house, Some((chain.clone(), key.clone_key())), &[version]);
        for name in ["localhost", "127.0.0.1", "::1"] {
            let peer = meet(&server, &config, name).await.unwrap().unwrap();
            assert_eq!(peer.site, site("hcm-q1-p-bennghe"));
        }
        // The certificate alone, without the issuing one.
        let alone = client_config(&house, Some((chain[..1].to_vec(), key.clone_key())), &[version]);
        check(&server, &alone, "hcm-q1-p-bennghe").await;
    }
}

#[tokio::test]
async fn a_program_is_let_in_where_accounts_are_known_and_nowhere_else() {
    let house = House::new().await;
    let (identity, logs) = listeners(&house).await;
    let name = event::UserName::new("lgsp").unwrap();
    let permit = house.permit(Operation::Manage);
    let issued = house.authority.issue_machine(&permit, &name, SiteKey::Made).await.unwrap();
    assert_eq!(issued.certificate.names, ["spiffe://metrosoc/machine/lgsp"]);
    assert_eq!((issued.certificate.subject.as_str(), issued.certificate.site()), ("machine:lgsp", None));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    assert_eq!(PeerMachine::of_verified(&chain).unwrap().machine, name);
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.unwrap().expose().as_bytes()).unwrap();
    let page = https_config(&identity, ClientCertificate::Optional, &house.authority.trust()).unwrap();
    for version in BOTH {
        let client = client_config(&house, Some((chain.clone(), key.clone_key())), &[version]);
        check(&page, &client, "nobody").await;
        check(&logs, &client, "ApplicationVerificationFailure").await;
    }
    let target = RevokeTarget::Serial(issued.certificate.serial);
    house.authority.revoke(&permit, &target, Reason::Superseded).await.unwrap();
    let client = client_config(&house, Some((chain, key)), &BOTH);
    check(&page, &client, "Revoked").await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let (house, other) = (House::new().await, House::new().await);
    let (_, server) = listeners(&house).await;
    let stranger = client_of(&other, "hcm-q1").await;
    for version in BOTH {
        let nobody = client_config(&house, None, &[version]);
        check(&server, &nobody, "peer sent no certificates").await;
        let unknown = client_config(&house, Some((stranger.0.clone(), stranger.1.clone_key())), &[version]);
        check(&server, &unknown, "UnknownIssuer").await;
    }
}

#[tokio::test]
async fn a_server_certificate_is_no_site() {
    let house = House::new().await;
    let (identity, server) = listeners(&house).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let signer = provider().key_provider.load_private_key(key).unwrap();
    // The chain is the server's; the verifier refuses it before the signature matters.
    let resolver = Fixed(Arc::new(rustls::sign::CertifiedKey::new(identity.chain(), signer)));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(house.authority.roots_pem().as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&BOTH)
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(resolver));
    check(&server, &Arc::new(client), "does not allow extended key usage for client authentication").await;
}

#[derive(Debug)]
struct Fixed(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Fixed {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let house = House::new().await;
    let (_, server) = listeners(&house).await;
    let client = client_config(&house, Some(client_of(&house, "a").await), &BOTH);
    check(&server, &client, "a").await;
    house.clock.advance(Duration::from_secs(366 * 86_400));
    check(&server, &client, "certificate expired").await;
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_at_once_and_cannot_resume() {
    let house = House::new().await;
    let (_, server) = listeners(&house).await;
    for (id, version) in [("a", BOTH[0]), ("b", BOTH[1])] {
        let client = client_config(&house, Some(client_of(&house, id).await), &[version]);
        for _ in 0..3 {
            check(&server, &client, id).await;
        }
        let trust = house.authority.trust();
        let mut told = trust.revocations();
        told.mark_unchanged();
        let permit = house.permit(Operation::Manage);
        house.authority.revoke(&permit, &RevokeTarget::Site(site(id)), Reason::KeyCompromise).await.unwrap();
        assert!(told.has_changed().unwrap(), "live connections are told");
        check(&server, &client, "Revoked").await;
    }
}

#[tokio::test]
async fn https_asks_or_does_not() {
    let house = House::new().await;
    let (identity, _) = listeners(&house).await;
    let trust = house.authority.trust();
    let nobody = client_config(&house, None, &BOTH);
    let somebody = client_config(&house, Some(client_of(&house, "a").await), &BOTH);
    let other = House::new().await;
    let stranger = client_config(&house, Some(client_of(&other, "a").await), &BOTH);
    for clients in [ClientCertificate::None, ClientCertificate::Optional] {
        let server = https_config(&identity, clients, &trust).unwrap();
        assert_eq!(server.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        check(&server, &nobody, "nobody").await;
    }
    let server = https_config(&identity, ClientCertificate::Optional, &trust).unwrap();
    check(&server, &somebody, "a").await;
    check(&server, &stranger, "UnknownIssuer").await;
    let server = https_config(&identity, ClientCertificate::Required, &trust).unwrap();
    check(&server, &nobody, "peer sent no certificates").await;
}

#[tokio::test]
async fn the_certificate_is_swapped_while_listening() {
    let house = House::new().await;
    let (identity, server) = listeners(&house).await;
    let client = client_config(&house, Some(client_of(&house, "a").await), &BOTH);
    check(&server, &client, "a").await;
    let before = identity.not_after();
    house.clock.advance(Duration::from_secs(70 * 86_400));
    house.authority.renew_server(&identity, &ServerNames::local(&[]).unwrap()).await.unwrap();
    assert!(identity.not_after() > before);
}

#[tokio::test]
async fn the_operator_brings_his_own() {
    let house = House::new().await;
    let write = |name: &str, text: &str| {
        let path = house.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let own = rcgen::generate_simple_self_signed(vec!["soc.example.vn".to_owned()]).unwrap();
    let chain = write("chain.pem", &own.cert.pem());
    let key = write("key.pem", &own.signing_key.serialize_pem());
    let identity = ServerIdentity::load(&chain, &key).unwrap();
    assert_eq!(identity.chain().len(), 1);
    let another = write("another.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    let empty = write("empty.pem", "");
    let refused = |chain: &std::path::Path, key: &std::path::Path, expected: &str| {
        let error = ServerIdentity::load(chain, key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(&chain, &another, "another.pem`: is not the key of the first certificate in");
    refused(&empty, &key, "empty.pem`: no `BEGIN CERTIFICATE` in it");
    refused(&chain, &empty, "empty.pem`: no private key in PEM");
    refused(&chain, &house.dir.path().join("nothing"), "nothing`: ");
    assert!(identity.reload(&chain, &another).is_err());
    assert_eq!(identity.chain()[0], *own.cert.der(), "the old one stays");
}

mod garbage {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_no_peer_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let chain = [CertificateDer::from(bytes)];
            prop_assert_eq!(PeerSite::of_verified(&chain), None);
            prop_assert_eq!(PeerMachine::of_verified(&chain), None);
        }

        #[test]
        fn mangled_certificates_never_panic(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let own = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
            let mut der = own.cert.der().to_vec();
            let at = at.index(der.len());
            der[at] ^= 1 << bit;
            let _ = PeerSite::of_verified(&[CertificateDer::from(der)]);
        }
    }
}
