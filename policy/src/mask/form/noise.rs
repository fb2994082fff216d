//! Noise that is always the same for the same cell.

use crate::mask::key::RecipientKey;

/// Noise never reaches further than so many times its spread.
const REACH: f64 = 12.0;
/// Two to the power of 53: random bits that a float of 64 bits holds.
const PARTS: f64 = 9_007_199_254_740_992.0;

/// A draw from a two-sided geometric-like distribution (a rounded Laplace of scale `spread`) by 64 random bits.
pub(crate) fn offset(bits: u64, spread: u16) -> i64 {
    let scale = f64::from(spread);
    // Strictly between 0 and 1.
    let uniform = ((bits >> 11) as f64 + 0.5) / PARTS;
    let centred = uniform - 0.5;
    let reach = -(1.0 - 2.0 * centred.abs()).ln() * scale;
    let drawn = reach.min(REACH * scale).round() as i64;
    if centred < 0.0 { -drawn } else { drawn }
}

/// A number with noise of the cell that field and number are; `None` for what is no number.
pub(super) fn noisy_number(field: &str, value: &str, spread: u16, key: &RecipientKey) -> Option<String> {
    let value = value.trim();
    let noise = || key.noise(&format!("{field}\0{value}"), spread);
    if let Ok(number) = value.parse::<i64>() {
        return Some(number.saturating_add(noise()).to_string());
    }
    let number: f64 = value.parse().ok()?;
    number.is_finite().then(|| (number + noise() as f64).to_string())
}
