//! Sessions on loopback: good and bad senders side by side.

use std::net::SocketAddr;
use std::time::Duration;

use event::{EventId, SiteId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::sites::UnknownSenders;
use crate::source::FrameLimits;
use crate::source::bind_tcp;
use crate::source::syslog::tests::House;

const OPEN: &[u8] = b"1 open 34 relp_version=0\ncommands=syslog\nx=1\n";
const OPENED: &str = "1 rsp 60 200 OK\nrelp_version=0\nrelp_software=metrosoc\ncommands=syslog\n";

fn serve(house: &House, settings: SyslogSettings) -> (SocketAddr, JoinHandle<Result<(), SourceError>>) {
    let listener = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (intake, attribution, cancel) = (house.spool.intake(), house.attribution.clone(), house.cancel.clone());
    (address, tokio::spawn(serve_plain(listener, settings, intake, attribution, cancel)))
}

/// Reads until so much has come, or the peer closes.
async fn read(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn records_are_answered_in_order_once_they_are_durable() {
    let mut house = House::usual().await;
    let (address, served) = serve(&house, SyslogSettings::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(OPEN).await.unwrap();
    read(&mut stream, OPENED).await;
    stream.write_all(b"2 syslog 7 <13>a\nb\n3 syslog 6 <13>c\n\n4 syslog 0 \n5 eventlog 1 x\n6 sys").await.unwrap();
    read(&mut stream, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n5 rsp 21 500 command not known\n").await;
    assert_eq!(house.spool.next_id(), EventId(2), "durable before the answer");
    stream.write_all(b"log 5 <13>d\n7 close 0\n8 syslog 5 <13>e\n").await.unwrap();
    assert_eq!(rest(stream).await, "6 rsp 6 200 OK\n7 rsp 0\n0 serverclose 0\n");
    assert_eq!(house.texts(3).await, ["<13>a\nb", "<13>c", "<13>d"]);
    let source = house.source(|source| source.id.as_str() == "relp-plain:127.0.0.1").await;
    assert_eq!((source.site.as_str(), source.records, source.refused), ("hcm-a", 3, 0));

    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(OPEN).await.unwrap();
    read(&mut open, OPENED).await;
    house.cancel.cancel();
    assert_eq!(rest(open).await, "0 serverclose 0\n", "a stop is said");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn bad_sessions_end_and_are_counted_and_others_go_on() {
    let mut house = House::usual().await;
    let frame = FrameLimits { frame_bytes_max: 10, count_max: 100 };
    let short = Duration::from_millis(200);
    let settings =
        SyslogSettings { frame, frame_timeout: short, handshake_timeout: short, ..SyslogSettings::default() };
    let (address, _) = serve(&house, settings);
    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(OPEN).await.unwrap();
    read(&mut good, OPENED).await;
    for (said, answered) in [
        (&b"<13>a syslog line\n"[..], ""),
        (b"1 syslog 5 <13>a\n", "1 rsp 32 500 `open` comes first, and once\n"),
        (b"1 open 15 relp_version=9\n\n", "1 rsp 46 500 this relp_version is not spoken here; 0 is\n"),
        (b"1 open 999999999 x", ""),
        (b"never finished", ""),
        (b"1 open 10 slow", ""),
        (b"", ""),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let answer = rest(stream).await;
        let answer = answer.strip_suffix("0 serverclose 0\n").unwrap_or(&answer);
        assert_eq!(answer, answered, "{}", String::from_utf8_lossy(said));
    }
    let mut twice = TcpStream::connect(address).await.unwrap();
    twice.write_all(OPEN).await.unwrap();
    twice.write_all(b"2 syslog 5 <13>a\n3 syslog 101 x").await.unwrap();
    let answered = rest(twice).await;
    assert_eq!(answered, format!("{OPENED}2 rsp 6 200 OK\n0 serverclose 0\n"), "what came before is answered");
    good.write_all(b"2 syslog 15 <13>123456789ab\n").await.unwrap();
    read(&mut good, "2 rsp 6 200 OK\n").await;
    let records = house.take(2).await;
    assert_eq!((records[1].bytes.as_ref(), records[1].truncated), (&b"<13>123456"[..], true));
    let source = house.source(|source| source.refused >= 6).await;
    assert_eq!((source.site.as_str(), source.records), ("hcm-a", 2));
}

#[tokio::test]
async fn strangers_are_refused() {
    let house = House::new(1 << 30, UnknownSenders::Refuse).await;
    house
        .attribution
        .sites()
        .import_csv(&b"id,name,agency,data_center,addresses\nhcm-a,A,agency-a,dc1,::1\n"[..])
        .await
        .unwrap();
    let (address, _) = serve(&house, SyslogSettings::default());
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let _ = stranger.write_all(OPEN).await;
    assert_eq!(rest(stranger).await, "");
    let refused = house.source(|source| source.id.as_str() == "relp-plain:127.0.0.1").await;
    assert_eq!((refused.refused, refused.site), (1, SiteId::unknown()));
}
