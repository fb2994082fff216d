//! `kill -9` at fifty random moments under load: what was acknowledged is found, once. `make chaos` does it a thousand times.

use tests::Chaos;

#[test]
fn nothing_acknowledged_is_lost_over_fifty_kills() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    eprintln!("seed {seed}");
    let count = Chaos { kills: 50, batches_per_second: 8, seed }.run().unwrap();
    eprintln!("{count}");
    assert_eq!((count.lost, count.duplicate), (0, 0), "seed {seed}: {count}");
    assert!(count.acknowledged >= 1_000, "too little load to show anything: {count}");
    assert!(count.resent > 0, "no kill met a line on its way: {count}");
}
