//! Personal values replaced: scanning and pseudonyms for events of 500 bytes, and new values into the vault.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::policy::Vault;
use ::policy::privacy::Class;
use ::policy::pseudonym::{Pseudonyms, Replacer};
use ::policy::vault::Kind;
use event::Event;
use serde::Serialize;

use super::ingest::BATCH_EVENTS;
use super::vault::{EVERYTHING, pseudonyms, vault};
use crate::cli::detect::{cpu_of_process, rss_bytes_max};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Events of 500 bytes
    #[arg(long, default_value_t = 40_000, value_name = "N")]
    events: usize,
    /// New values brought into the vault
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    values: usize,
}

/// Bytes of one event's text.
const EVENT_BYTES: usize = 500;
/// Of so many events one names somebody new.
const NEW_ONE_IN: usize = 20;
/// What sources.yml says of a source in which only numbers and e-mail are looked for.
const NUMBERS_ONLY: &str = "version: 1
sources:
  - dataset: \"*\"
    off: [person_name, address, plate, passport, user_name, health_record, land_record, ip_address, device_id]
";

/// What was measured. A core's megabytes are those of the events' text, all threads counted.
#[derive(Debug, Serialize)]
pub struct Figures {
    events: usize,
    event_bytes: usize,
    values_in_events: u64,
    known_values_percent: f64,
    all_classes_megabytes_per_cpu_second: f64,
    numbers_and_email_megabytes_per_cpu_second: f64,
    /// The same events once more: nobody in them is new.
    all_classes_nobody_new_megabytes_per_cpu_second: f64,
    numbers_and_email_nobody_new_megabytes_per_cpu_second: f64,
    new_values: usize,
    new_values_per_second: f64,
    new_values_per_cpu_second: f64,
    rss_bytes_max: u64,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let vault = vault(folder.path()).await?;
    let events = arguments.events.max(BATCH_EVENTS);
    let all = pseudonyms(folder.path(), EVERYTHING, &vault)?;
    let numbers = pseudonyms(folder.path(), NUMBERS_ONLY, &vault)?;
    // The people of the events, whom the vault knows then.
    replace(&all, &texts(events, 0)).await?;
    let (first, second) = (texts(events, 1), texts(events, 2));
    let of_all = replace(&all, &first).await?;
    let of_all_known = replace(&all, &first).await?;
    let of_numbers = replace(&numbers, &second).await?;
    let of_numbers_known = replace(&numbers, &second).await?;
    let (wall, cpu_of_new) = bring(&vault, arguments.values).await?;
    let per_second = |amount: f64, time: Duration| amount / time.as_secs_f64().max(1e-9);
    Ok(Figures {
        events,
        event_bytes: EVENT_BYTES,
        values_in_events: of_all.values,
        known_values_percent: 100.0 - 100.0 / NEW_ONE_IN as f64,
        all_classes_megabytes_per_cpu_second: of_all.megabytes_per_cpu_second(),
        numbers_and_email_megabytes_per_cpu_second: of_numbers.megabytes_per_cpu_second(),
        all_classes_nobody_new_megabytes_per_cpu_second: of_all_known.megabytes_per_cpu_second(),
        numbers_and_email_nobody_new_megabytes_per_cpu_second: of_numbers_known.megabytes_per_cpu_second(),
        new_values: arguments.values,
        new_values_per_second: per_second(arguments.values as f64, wall),
        new_values_per_cpu_second: per_second(arguments.values as f64, cpu_of_new),
        rss_bytes_max: rss_bytes_max(),
    })
}

/// What replacing took.
struct Replaced {
    bytes: usize,
    cpu: Duration,
    /// How many values were replaced.
    values: u64,
}

impl Replaced {
    fn megabytes_per_cpu_second(&self) -> f64 {
        self.bytes as f64 / self.cpu.as_secs_f64().max(1e-9) / 1e6
    }
}

/// Replaces what texts hold, batch by batch.
async fn replace(all: &Arc<Pseudonyms>, texts: &[String]) -> anyhow::Result<Replaced> {
    let mut replacer = Replacer::new(Arc::clone(all), 1);
    let (mut events, mut out) = (Vec::new(), Vec::new());
    let (mut bytes, mut values, mut cpu) = (0, 0, Duration::ZERO);
    for batch in texts.chunks(BATCH_EVENTS) {
        events.resize_with(batch.len(), Event::new);
        for (event, text) in events.iter_mut().zip(batch) {
            event.clear();
            event.push("message", text.as_str())?;
            bytes += text.len();
        }
        let before = cpu_of_process();
        replacer.read(&events, &[]);
        replacer.enter().await?;
        replacer.write(&events, &mut [], &mut out);
        cpu += cpu_of_process().saturating_sub(before);
        values += out.iter().map(|event| ::policy::pseudonym::writings_of(event).len() as u64).sum::<u64>();
    }
    Ok(Replaced { bytes, cpu, values })
}

/// Brings new values in, those of a batch at a time, as the pipeline does: four to an event, as many as the texts have.
async fn bring(vault: &Vault, count: usize) -> anyhow::Result<(Duration, Duration)> {
    let values: Vec<String> = (0..count).map(|number| format!("0{}", 700_000_000 + number)).collect();
    let (began, cpu) = (Instant::now(), cpu_of_process());
    for batch in values.chunks(4 * BATCH_EVENTS) {
        let asked: Vec<_> = batch.iter().map(|value| (Kind::Value(Class::Phone), value.as_str())).collect();
        vault.enter(&asked).await?;
    }
    Ok((began.elapsed(), cpu_of_process().saturating_sub(cpu)))
}

/// Invented events: one person in each, among what machines say. In a later round one person in [`NEW_ONE_IN`] is new.
fn texts(count: usize, round: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let is_new = round > 0 && number % NEW_ONE_IN == 0;
            event(if is_new { 10_000_000 * round + number } else { number % 20_000 }, number)
        })
        .collect()
}

const FAMILIES: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi"];
const MIDDLES: [&str; 4] = ["Văn", "Thị", "Hữu", "Ngọc"];
const GIVEN: [&str; 8] = ["An", "Bình", "Chi", "Dũng", "Hà", "Lan", "Minh", "Tuấn"];
const MACHINE: &str = "phiên dịch vụ mở trong 37 ms, bộ nhớ 412 MB, hàng đợi 0, trạng thái ổn định; request GET /api/v1/ho-so/chi-tiet \
                       status 200 bytes 48213 duration 0.118 node app-07 thread worker-12 cache hit ratio 0.93 upstream dvc-portal ";

fn event(person: usize, number: usize) -> String {
    let pick = |list: &[&'static str], by: usize| list.get(by % list.len()).copied().unwrap_or_default();
    let name = format!("{} {} {}", pick(&FAMILIES, person), pick(&MIDDLES, person / 8), pick(&GIVEN, person / 32));
    let digits = person % 100_000_000;
    let mut text = format!(
        "2026-11-22T10:{:02}:{:02}Z portal[{}]: họ tên: {name}, số điện thoại 09{digits:08}, CCCD 0790{digits:08}, e-mail p{digits}@hcm.gov.vn. ",
        number / 60 % 60,
        number % 60,
        number % 30_000,
    );
    while text.len() < EVENT_BYTES {
        text.push_str(MACHINE);
    }
    let mut end = EVENT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
