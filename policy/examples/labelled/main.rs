//! Prints the labelled set on which the scanner of personal data is measured: one JSON object a line.
//!
//! `cargo run -p policy --example labelled -- [LINES] [SEED]`. Every person and number in it is invented.

#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it makes test data: a broken template stops it"
)]
mod set;

use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().and_then(|word| word.parse().ok()).unwrap_or(default);
    let (count, seed) = (number(set::LINES as u64), number(set::SEED));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in set::lines(seed, count as usize) {
        let labels: Vec<_> = line
            .labels
            .iter()
            .map(|label| serde_json::json!({"start": label.start, "end": label.end, "class": label.class.as_str()}))
            .collect();
        let form = line.form.as_str();
        let object = serde_json::json!({"text": line.text, "labels": labels, "form": form, "held_out": line.held_out, "template": line.template});
        writeln!(out, "{object}")?;
    }
    out.flush()
}
