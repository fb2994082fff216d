//! Listeners on loopback: good and bad senders side by side.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use event::{EventId, KnownBy, SiteId, SystemClock, Timestamp};
use keys::{KeySource, Keyring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::sites::{AttributionSettings, Sites, SourceSeen, UnknownSenders};
use crate::source::{bind_tcp, bind_udp};
use crate::spool::{Consumer, Spool, SpoolSettings};
use crate::{Record, SourceError};

const SOON: Duration = Duration::from_secs(10);

pub(in crate::source) struct House {
    _dir: TempDir,
    _store: store::testing::TestStore,
    pub(in crate::source) spool: Spool,
    consumer: Consumer,
    pub(in crate::source) attribution: Arc<Attribution>,
    pub(in crate::source) cancel: CancellationToken,
}

impl House {
    pub(in crate::source) async fn new(spool_bytes_max: u64, unknown_senders: UnknownSenders) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("key")), &data).unwrap();
        let settings = SpoolSettings { bytes_max: spool_bytes_max, ..SpoolSettings::new(data.join("spool")) };
        let spool = Spool::open(settings, keyring.sealer("spool").unwrap(), Arc::new(SystemClock)).unwrap();
        let consumer = spool.reader("test", None).unwrap();
        let store = store::testing::sqlite().await.unwrap();
        let sites = Arc::new(Sites::open(store.store().clone(), Arc::new(SystemClock)).await.unwrap());
        let csv = "id,name,agency,data_center,addresses\nhcm-a,A,agency-a,dc1,127.0.0.0/30\n";
        sites.import_csv(csv.as_bytes()).await.unwrap();
        let settings = AttributionSettings { unknown_senders, ..AttributionSettings::default() };
        let attribution = Arc::new(Attribution::new(sites, settings));
        Self { _dir: dir, _store: store, spool, consumer, attribution, cancel: CancellationToken::new() }
    }

    pub(in crate::source) async fn usual() -> Self {
        Self::new(1 << 30, UnknownSenders::Keep).await
    }

    fn tcp(&self, address: &str, settings: SyslogSettings) -> (SocketAddr, JoinHandle<Result<(), SourceError>>) {
        let listener = bind_tcp(address.parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (intake, attribution, cancel) = (self.spool.intake(), self.attribution.clone(), self.cancel.clone());
        (address, tokio::spawn(serve_tcp(listener, settings, intake, attribution, cancel)))
    }

    fn udp(&self, address: &str, settings: SyslogSettings) -> (SocketAddr, JoinHandle<Result<(), SourceError>>) {
        let socket = bind_udp(address.parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let (intake, attribution, cancel) = (self.spool.intake(), self.attribution.clone(), self.cancel.clone());
        (address, tokio::spawn(serve_udp(socket, settings, intake, attribution, cancel)))
    }

    /// The next `count` records.
    pub(in crate::source) async fn take(&mut self, count: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < count {
            let batch = self.consumer.next_batch(count - records.len(), SOON).await.unwrap();
            assert!(!batch.is_empty(), "only {} of {count} records came", records.len());
            records.extend(batch.into_iter().map(|(_, record)| record));
        }
        records
    }

    pub(in crate::source) async fn texts(&mut self, count: usize) -> Vec<String> {
        let text = |record: Record| String::from_utf8_lossy(&record.bytes).into_owned();
        let mut texts: Vec<_> = self.take(count).await.into_iter().map(text).collect();
        texts.sort();
        texts
    }

    pub(in crate::source) async fn source(&self, found: impl Fn(&SourceSeen) -> bool) -> SourceSeen {
        let look = async {
            loop {
                if let Some(source) = self.attribution.sites().sources().into_iter().find(&found) {
                    return source;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, look).await.expect("the source shows")
    }
}

/// Reads until the peer closes.
pub(in crate::source) async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
}

#[tokio::test]
async fn tcp_takes_both_framings_and_both_address_families() {
    let mut house = House::usual().await;
    let (address, served) = house.tcp("[::]:0", SyslogSettings::default());
    let mut v4 = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    v4.write_all(b"<13>a\n5 <13>b\x00\xff garbage\n<13>last without an end").await.unwrap();
    v4.shutdown().await.unwrap();
    let mut v6 = TcpStream::connect(("::1", address.port())).await.unwrap();
    v6.write_all(b"8 <13>c\nde").await.unwrap();
    let own = b"<30>Nov  3 10:00:00 host metrosoc[1]: about ourselves\n";
    v6.write_all(own).await.unwrap();
    let records = house.take(5).await;
    let expected: [(&[u8], &str); 5] = [
        (b"<13>a", "hcm-a"),
        (b"<13>b", "hcm-a"),
        (b"\0\xff garbage", "hcm-a"),
        (b"<13>c\nde", "unknown"),
        (b"<13>last without an end", "hcm-a"),
    ];
    for (bytes, site) in expected {
        let record = records.iter().find(|record| record.bytes == bytes).unwrap();
        assert_eq!((record.origin.site.as_str(), record.truncated), (site, false));
        let known_by = if site == "unknown" { KnownBy::Unknown } else { KnownBy::Address };
        assert_eq!(record.origin.known_by, known_by);
    }
    assert_eq!(house.source(|source| source.site == SiteId::unknown()).await.peer, Some("::1".parse().unwrap()));
    let csv = "id,name,agency,data_center,addresses\nhcm-b,B,agency-b,dc1,::1\n";
    house.attribution.sites().import_csv(csv.as_bytes()).await.unwrap();
    v6.write_all(b"<13>after the import\n").await.unwrap();
    assert_eq!(house.take(1).await[0].origin.site.as_str(), "hcm-b");
    house.cancel.cancel();
    served.await.unwrap().unwrap();
    assert_eq!(house.spool.next_id(), EventId(6), "our own line is not there");
}

#[tokio::test]
async fn a_slow_or_endless_frame_is_cut_and_others_go_on() {
    let mut house = House::usual().await;
    let frame = super::super::FrameLimits { frame_bytes_max: 100, count_max: 1_000 };
    let settings = SyslogSettings { frame, frame_timeout: Duration::from_millis(50), ..SyslogSettings::default() };
    let (address, _) = house.tcp("127.0.0.1:0", settings);
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"<13>never finished").await.unwrap();
    closed(&mut slow).await;
    let mut absurd = TcpStream::connect(address).await.unwrap();
    absurd.write_all(b"4294967295 <13>x\n<13>good\n").await.unwrap();
    absurd.write_all(&[b'y'; 5_000]).await.unwrap();
    absurd.write_all(b"\n<13>good too\n").await.unwrap();
    let records = house.take(5).await;
    let long = records.iter().find(|record| record.bytes.starts_with(b"yyy")).unwrap();
    assert_eq!((long.bytes.len(), long.truncated), (100, true));
    for (text, truncated) in [("<13>never finished", true), ("<13>good", false), ("<13>good too", false)] {
        assert!(records.iter().any(|record| record.bytes == text && record.truncated == truncated), "{text}");
    }
}

#[tokio::test]
async fn connections_are_bounded_and_strangers_are_refused() {
    let mut house = House::new(1 << 30, UnknownSenders::Refuse).await;
    let settings = SyslogSettings { connections_per_address_max: 1, ..SyslogSettings::default() };
    let (address, _) = house.tcp("[::]:0", settings);
    let mut first = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    first.write_all(b"<13>first\n").await.unwrap();
    assert_eq!(house.texts(1).await, ["<13>first"]);
    let mut second = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    closed(&mut second).await;
    let mut stranger = TcpStream::connect(("::1", address.port())).await.unwrap();
    let _ = stranger.write_all(b"<13>who\n").await;
    closed(&mut stranger).await;
    let refused = house.source(|source| source.id.as_str() == "syslog-tcp:::1").await;
    assert_eq!((refused.refused, refused.records), (1, 0));
    drop(first);
    let again = async {
        loop {
            let mut stream = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
            let sent = stream.write_all(b"<13>again\n").await.is_ok() && stream.shutdown().await.is_ok();
            if sent && !house.consumer.next_batch(1, Duration::from_millis(100)).await.unwrap().is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, again).await.unwrap();
}

#[tokio::test]
async fn a_full_spool_leaves_tcp_in_the_socket_and_counts_udp() {
    let mut house = House::new(20_000, UnknownSenders::Keep).await;
    let settings = SyslogSettings { datagrams_bytes_max: 30_000, ..SyslogSettings::default() };
    let (udp, _) = house.udp("127.0.0.1:0", settings.clone());
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Random text, so that compression does not help.
    let mut text = vec![0; 5_000];
    let random = ring::rand::SystemRandom::new();
    let mut sent = 0;
    let lost = loop {
        ring::rand::SecureRandom::fill(&random, &mut text).unwrap();
        text[0] = b'<';
        sender.send_to(&text, udp).await.unwrap();
        sent += 1;
        let seen = house.attribution.sites().sources();
        if let Some(source) = seen.into_iter().find(|source| source.dropped > 0) {
            break source;
        }
        tokio::task::yield_now().await;
        assert!(sent < 20_000);
    };
    assert_eq!((lost.id.as_str(), lost.site.as_str()), ("syslog-udp:127.0.0.1", "hcm-a"));
    let (tcp, _) = house.tcp("127.0.0.1:0", settings);
    let mut stream = TcpStream::connect(tcp).await.unwrap();
    stream.write_all(b"<13>patient\n").await.unwrap();
    let mut stored = 0;
    let found = async {
        loop {
            for (id, record) in house.consumer.next_batch(100, SOON).await.unwrap() {
                stored += 1;
                house.consumer.commit(EventId(id.0 + 1)).await.unwrap();
                if record.bytes == "<13>patient" {
                    return;
                }
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_millis(300), found).await;
    assert!(waited.is_err() || stored > 0);
}

#[tokio::test]
async fn datagrams_are_records() {
    let mut house = House::usual().await;
    let (address, served) = house.udp("[::]:0", SyslogSettings::default());
    let v4 = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let v6 = UdpSocket::bind("[::1]:0").await.unwrap();
    v4.send_to(b"<13>one\n\0", ("127.0.0.1", address.port())).await.unwrap();
    v4.send_to(b"<13>two\nstill two", ("127.0.0.1", address.port())).await.unwrap();
    v4.send_to(b"", ("127.0.0.1", address.port())).await.unwrap();
    v6.send_to(b"12 <13>three", ("::1", address.port())).await.unwrap();
    assert_eq!(house.texts(3).await, ["12 <13>three", "<13>one", "<13>two\nstill two"]);
    house.cancel.cancel();
    served.await.unwrap().unwrap();
    let counted = house.source(|source| source.id.as_str() == "syslog-udp:127.0.0.1").await;
    assert_eq!((counted.records, counted.bytes), (2, 24));
    assert!(counted.last_seen > Timestamp::from_secs(0));
}

/// A PKI of one test: every certificate it signed is a site named by its common name's place in `serials`.
#[derive(Debug)]
struct Gate {
    config: Arc<rustls::ServerConfig>,
    known: CertificateDer<'static>,
    revoked: watch::Receiver<Arc<HashSet<String>>>,
}

impl PeerGate for Gate {
    fn config(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.config)
    }

    fn peer(&self, chain: &[CertificateDer<'_>]) -> Option<PeerIdentity> {
        let known = chain.first().is_some_and(|certificate| certificate.as_ref() == self.known.as_ref());
        known.then(|| PeerIdentity {
            site: SiteId::new("hcm-a").unwrap(),
            serial: "01".to_owned(),
            not_after: Timestamp::from_secs(i64::from(u32::MAX)),
        })
    }

    fn cut(&self) -> watch::Receiver<Arc<HashSet<String>>> {
        self.revoked.clone()
    }
}

struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    roots: Arc<rustls::RootCertStore>,
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), roots: Arc::new(roots) }
    }

    fn certificate(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider())
            .build()
            .unwrap();
        let (certificate, key) = self.certificate();
        let builder =
            rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate], key).unwrap())
    }

    async fn connect(
        &self,
        address: SocketAddr,
        client: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let builder =
            rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(self.roots.clone());
        let config = match client {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

#[tokio::test]
async fn tls_knows_the_site_by_certificate_and_cuts_revoked_connections() {
    let mut house = House::usual().await;
    let authority = Authority::new();
    let (certificate, key) = authority.certificate();
    let (revoke, revoked) = watch::channel(Arc::new(HashSet::new()));
    let gate = Arc::new(Gate { config: authority.server(), known: certificate.clone(), revoked });
    let listener = bind_tcp("[::]:0".parse().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
    let settings = SyslogSettings { handshake_timeout: Duration::from_millis(500), ..SyslogSettings::default() };
    let (intake, attribution, cancel) = (house.spool.intake(), house.attribution.clone(), house.cancel.clone());
    let served = tokio::spawn(serve_tls(listener, gate, settings, intake, attribution, cancel));

    let mut good = authority.connect(address, Some((certificate.clone(), key.clone_key()))).await.unwrap();
    good.write_all(b"5 <13>a<13>b\n").await.unwrap();
    good.flush().await.unwrap();
    assert_eq!(house.texts(2).await, ["<13>a", "<13>b"]);
    let source = house.source(|source| source.id.as_str() == "syslog-tls:hcm-a").await;
    assert_eq!((source.known_by, source.records), (KnownBy::Certificate, 2));

    let mut silent = TcpStream::connect(address).await.unwrap();
    closed(&mut silent).await;
    for stranger in [None, Some(authority.certificate()), Some(Authority::new().certificate())] {
        if let Ok(mut stream) = authority.connect(address, stranger).await {
            let _ = stream.write_all(b"<13>stranger\n").await;
            closed(&mut stream).await;
        }
    }
    good.write_all(b"<13>still here\n").await.unwrap();
    assert_eq!(house.texts(1).await, ["<13>still here"]);

    revoke.send_replace(Arc::new(HashSet::from(["01".to_owned()])));
    closed(&mut good).await;
    let mut again = authority.connect(address, Some((certificate, key))).await.unwrap();
    let _ = again.write_all(b"<13>revoked\n").await;
    closed(&mut again).await;
    house.cancel.cancel();
    served.await.unwrap().unwrap();
    assert_eq!(house.spool.next_id(), EventId(3), "nothing of strangers and revoked peers is there");
}
