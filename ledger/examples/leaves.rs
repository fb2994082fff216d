//! Leaves per CPU-second: `cargo run --release -p ledger --example leaves [BATCHES]`. Batches of 1,000 records of 317
//! bytes, hashed and recorded as the pipeline does it, in a temporary directory.
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::sync::Arc;
use std::time::Instant;

use event::{Clock, Signer, SystemClock};
use ledger::{Batch, Ledger};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

const RECORDS: u64 = 1_000;
const RECORD_BYTES: usize = 317;

#[derive(Debug)]
struct Key(Ed25519KeyPair);

impl Signer for Key {
    fn name(&self) -> &str {
        "bench.example"
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let batches: u64 = std::env::args().nth(1).map_or(Ok(1_000), |text| text.parse())?;
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no key was made")?;
    let key = Arc::new(Key(Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| "the key cannot be read")?));
    let folder = tempfile::tempdir()?;
    let ledger = Ledger::open(folder.path(), key, Arc::new(SystemClock) as Arc<dyn Clock>)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let record = [b'x'; RECORD_BYTES];

    let (began, cpu) = (Instant::now(), cpu_secs()?);
    let mut batch = Batch::default();
    for number in 0..batches {
        (0..RECORDS).for_each(|at| batch.push(number * RECORDS + at, &record));
        runtime.block_on(ledger.append_batch(&batch))?;
        batch.clear();
    }
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_secs()? - cpu);
    let leaves = (batches * RECORDS) as f64;
    println!("leaves                 {leaves}");
    println!("leaves_per_cpu_second  {:.0}", leaves / cpu);
    println!("leaves_per_second      {:.0}  (each batch waits for its two fsyncs)", leaves / wall);
    let files = std::fs::read_dir(folder.path().join("records"))?;
    let bytes: u64 = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum();
    println!("bytes_per_leaf         {:.1}", bytes as f64 / leaves);
    Ok(())
}

/// CPU time of this process and its threads so far, from `/proc/self/stat` (fields 14 and 15, 100 to a second).
fn cpu_secs() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}
