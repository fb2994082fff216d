//! Personal values replaced: scanning and pseudonyms for events of 500 bytes, and new values into the vault.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::policy::Vault;
use ::policy::privacy::Class;
use ::policy::pseudonym::{Pseudonyms, Replacer};
use ::policy::vault::{Kind, Token};
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

/// What was measured. A core's megabytes are those of the events' text, all threads counted. Events have one value each, more than
/// twice as many as the logs of a city's network have in so many bytes; *dense* ones have four.
#[derive(Debug, Serialize)]
pub struct Figures {
    events: usize,
    event_bytes: usize,
    values_in_events: u64,
    /// How many of them the vault knew before, in the first of the two passes with every class.
    known_values_percent: f64,
    all_classes_megabytes_per_cpu_second: f64,
    numbers_and_email_megabytes_per_cpu_second: f64,
    /// The same events once more: nobody in them is new.
    all_classes_nobody_new_megabytes_per_cpu_second: f64,
    numbers_and_email_nobody_new_megabytes_per_cpu_second: f64,
    values_in_dense_events: u64,
    known_values_in_dense_events_percent: f64,
    dense_all_classes_megabytes_per_cpu_second: f64,
    dense_numbers_and_email_megabytes_per_cpu_second: f64,
    dense_all_classes_nobody_new_megabytes_per_cpu_second: f64,
    dense_numbers_and_email_nobody_new_megabytes_per_cpu_second: f64,
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
    let mut met = HashSet::new();
    // The people of the events, whom the vault knows then.
    replace(&all, &texts(events, Density::Dense, 0), &mut met).await?;
    let usual = passes(&all, &numbers, events, Density::Usual, &mut met).await?;
    let dense = passes(&all, &numbers, events, Density::Dense, &mut met).await?;
    let (wall, cpu_of_new) = bring(&vault, arguments.values).await?;
    let per_second = |amount: f64, time: Duration| amount / time.as_secs_f64().max(1e-9);
    Ok(Figures {
        events,
        event_bytes: EVENT_BYTES,
        values_in_events: usual.all.values,
        known_values_percent: usual.all.known_percent(),
        all_classes_megabytes_per_cpu_second: usual.all.megabytes_per_cpu_second(),
        numbers_and_email_megabytes_per_cpu_second: usual.numbers.megabytes_per_cpu_second(),
        all_classes_nobody_new_megabytes_per_cpu_second: usual.all_known.megabytes_per_cpu_second(),
        numbers_and_email_nobody_new_megabytes_per_cpu_second: usual.numbers_known.megabytes_per_cpu_second(),
        values_in_dense_events: dense.all.values,
        known_values_in_dense_events_percent: dense.all.known_percent(),
        dense_all_classes_megabytes_per_cpu_second: dense.all.megabytes_per_cpu_second(),
        dense_numbers_and_email_megabytes_per_cpu_second: dense.numbers.megabytes_per_cpu_second(),
        dense_all_classes_nobody_new_megabytes_per_cpu_second: dense.all_known.megabytes_per_cpu_second(),
        dense_numbers_and_email_nobody_new_megabytes_per_cpu_second: dense.numbers_known.megabytes_per_cpu_second(),
        new_values: arguments.values,
        new_values_per_second: per_second(arguments.values as f64, wall),
        new_values_per_cpu_second: per_second(arguments.values as f64, cpu_of_new),
        rss_bytes_max: rss_bytes_max(),
    })
}

/// How much of a person stands in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Density {
    /// One value.
    Usual,
    /// Name, phone, citizen id and e-mail.
    Dense,
}

/// Events of one density replaced: with every class on and with numbers and e-mail alone, each with new people and once more.
struct Passes {
    all: Replaced,
    all_known: Replaced,
    numbers: Replaced,
    numbers_known: Replaced,
}

async fn passes(
    all: &Arc<Pseudonyms>,
    numbers: &Arc<Pseudonyms>,
    events: usize,
    density: Density,
    met: &mut HashSet<Token>,
) -> anyhow::Result<Passes> {
    let round = if density == Density::Usual { 1 } else { 3 };
    let (first, second) = (texts(events, density, round), texts(events, density, round + 1));
    Ok(Passes {
        all: replace(all, &first, met).await?,
        all_known: replace(all, &first, met).await?,
        numbers: replace(numbers, &second, met).await?,
        numbers_known: replace(numbers, &second, met).await?,
    })
}

/// What replacing took.
struct Replaced {
    bytes: usize,
    cpu: Duration,
    /// How many values were replaced.
    values: u64,
    /// How many of them stood in no event before.
    new: u64,
}

impl Replaced {
    fn known_percent(&self) -> f64 {
        100.0 - 100.0 * self.new as f64 / (self.values as f64).max(1.0)
    }

    fn megabytes_per_cpu_second(&self) -> f64 {
        self.bytes as f64 / self.cpu.as_secs_f64().max(1e-9) / 1e6
    }
}

/// Replaces what texts hold, batch by batch; `met` are the tokens that stood in earlier ones.
async fn replace(all: &Arc<Pseudonyms>, texts: &[String], met: &mut HashSet<Token>) -> anyhow::Result<Replaced> {
    let mut replacer = Replacer::new(Arc::clone(all), 1);
    let (mut events, mut out) = (Vec::new(), Vec::new());
    let (mut bytes, mut values, mut new, mut cpu) = (0, 0, 0, Duration::ZERO);
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
        for writing in out.iter().flat_map(::policy::pseudonym::writings_of) {
            values += 1;
            new += u64::from(met.insert(writing.token));
        }
    }
    Ok(Replaced { bytes, cpu, values, new })
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
fn texts(count: usize, density: Density, round: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let is_new = round > 0 && number % NEW_ONE_IN == 0;
            event(if is_new { 10_000_000 * round + number } else { number % KNOWN_PEOPLE }, number, density)
        })
        .collect()
}

const FAMILIES: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi"];
const MIDDLES: [&str; 4] = ["Văn", "Thị", "Hữu", "Ngọc"];
const GIVEN: [&str; 32] = [
    "An", "Anh", "Bình", "Châu", "Chi", "Cường", "Dung", "Dũng", "Duy", "Giang", "Hà", "Hải", "Hạnh", "Hiền", "Hòa",
    "Hùng", "Huy", "Khánh", "Khoa", "Lan", "Linh", "Long", "Mai", "Minh", "Nam", "Nga", "Nhung", "Phúc", "Quân", "Sơn",
    "Trang", "Tuấn",
];
/// People of whom the vault knows before.
const KNOWN_PEOPLE: usize = 20_000;
/// Names that differ.
const NAMES: usize = FAMILIES.len() * MIDDLES.len() * GIVEN.len() * GIVEN.len();
const MACHINE: &str = "phiên dịch vụ mở trong 37 ms, bộ nhớ 412 MB, hàng đợi 0, trạng thái ổn định; request GET /api/v1/ho-so/chi-tiet \
                       status 200 bytes 48213 duration 0.118 node app-07 thread worker-12 cache hit ratio 0.93 upstream dvc-portal ";

fn event(person: usize, number: usize, density: Density) -> String {
    let pick = |list: &[&'static str], by: usize| list.get(by % list.len()).copied().unwrap_or_default();
    // As many names as there are; a new person gets one that none of the known has.
    let named =
        if person < KNOWN_PEOPLE { person } else { KNOWN_PEOPLE + person / NEW_ONE_IN % (NAMES - KNOWN_PEOPLE) };
    let (family, middle) = (pick(&FAMILIES, named), pick(&MIDDLES, named / FAMILIES.len()));
    let rest = named / FAMILIES.len() / MIDDLES.len();
    let name = format!("{family} {middle} {} {}", pick(&GIVEN, rest / GIVEN.len()), pick(&GIVEN, rest));
    let digits = person % 100_000_000;
    let values = [
        format!("họ tên: {name}"),
        format!("số điện thoại 09{digits:08}"),
        format!("CCCD 0790{digits:08}"),
        format!("e-mail p{digits}@hcm.gov.vn"),
    ];
    let said = match density {
        // Those of a person come one after the other: who is new stands in every twentieth event.
        Density::Usual => values.get(number / NEW_ONE_IN % values.len()).cloned().unwrap_or_default(),
        Density::Dense => values.join(", "),
    };
    let (minute, second, process) = (number / 60 % 60, number % 60, number % 30_000);
    let mut text = format!("2026-11-22T10:{minute:02}:{second:02}Z portal[{process}]: {said}. ");
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
