//! One-time codes that change with the time (TOTP, RFC 6238): the secret that a phone and we share.
//!
//! HMAC-SHA-1, six digits, thirty seconds: what every authenticator app speaks. The secret leaves this file twice: sealed
//! for the database, and once in clear for the app. Which codes were used is remembered by whoever asks ([`step_of`]
//! tells the step).
//!
//! [`step_of`]: TotpSecret::step_of

use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::wiped::Wiped;
use crate::{KeyError, Sealer, Secret, random};

/// Bytes of a secret: as long as the hash (RFC 4226, section 4, R6).
const SECRET_BYTES: usize = 20;
/// Seconds that a code stands for.
pub const STEP_SECS: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Steps before and after the present one whose codes are taken too, for clocks that differ.
const STEPS_AROUND: i64 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret of one account's authenticator.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let bytes = random::key_bytes()?;
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        for (to, from) in secret.iter_mut().zip(bytes.iter()) {
            *to = *from;
        }
        Ok(Self(secret))
    }

    /// As it is stored: sealed, in hexadecimal, of use for that account alone.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, sealer: &Sealer, account: &str) -> Result<String, KeyError> {
        Ok(hex::encode(sealer.seal(account.as_bytes(), self.0.as_slice())?))
    }

    /// Reads what [`TotpSecret::seal`] wrote.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when it was changed, or is another account's or another key's.
    pub fn open(sealer: &Sealer, account: &str, sealed: &str) -> Result<Self, KeyError> {
        let sealed = hex::decode(sealed).map_err(|_| KeyError::Unsealable)?;
        let plain = Zeroizing::new(sealer.open(account.as_bytes(), &sealed)?);
        let bytes: [u8; SECRET_BYTES] = plain.as_slice().try_into().map_err(|_| KeyError::Unsealable)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Seals anew what an older generation of the sealing key sealed; `None` for what the newest did.
    ///
    /// # Errors
    /// As [`TotpSecret::open`].
    pub fn reseal(sealer: &Sealer, account: &str, sealed: &str) -> Result<Option<String>, KeyError> {
        let sealed = hex::decode(sealed).map_err(|_| KeyError::Unsealable)?;
        Ok(sealer.reseal(account.as_bytes(), &sealed)?.map(hex::encode))
    }

    /// For whoever types it into the app: base32 (RFC 4648) without padding, 32 characters.
    pub fn base32(&self) -> Secret<String> {
        let mut text = String::with_capacity(SECRET_BYTES * 8 / 5);
        let (mut bits, mut held) = (0_u32, 0_u32);
        for byte in self.0.iter() {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                let at = usize::try_from((bits >> held) & 31).unwrap_or_default();
                text.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'A')));
            }
        }
        Secret::new(text)
    }

    /// For the app's camera: an `otpauth` address with secret, issuer and account.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret<String> {
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = self.base32();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECS}",
            secret.expose()
        ))
    }

    /// The code of a step.
    pub fn code(&self, step: i64) -> Secret<String> {
        let key = Wiped::new(Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.as_slice()));
        let tag = sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        // Dynamic truncation, RFC 4226, section 5.3.
        let offset = usize::from(bytes.last().copied().unwrap_or_default() & 15);
        let word = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        let number = u32::from_be_bytes(word) & 0x7fff_ffff;
        Secret::new(format!("{:0width$}", number % 1_000_000, width = DIGITS))
    }

    /// The step that a code belongs to, one step around `now_secs` (seconds since 1970); `None` for a wrong code. Every
    /// step is computed and compared, whatever the code.
    pub fn step_of(&self, code: &str, now_secs: i64) -> Option<i64> {
        let now = now_secs.div_euclid(i64::try_from(STEP_SECS).unwrap_or(30));
        let mut found = i64::MIN;
        for step in now.saturating_sub(STEPS_AROUND)..=now.saturating_add(STEPS_AROUND) {
            let right = self.code(step).expose().as_bytes().ct_eq(code.as_bytes());
            found.conditional_assign(&step, right);
        }
        (found != i64::MIN).then_some(found)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TotpSecret(REDACTED)")
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rfc() -> TotpSecret {
        TotpSecret(Zeroizing::new(*b"12345678901234567890"))
    }

    /// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (secs, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().code(secs / 30).expose(), expected, "{secs}");
            assert_eq!(rfc().step_of(expected, secs), Some(secs / 30));
        }
        assert_eq!(rfc().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn one_step_around_counts_and_no_more() {
        for (away, expected) in [(-61, None), (-30, Some(100)), (0, Some(100)), (59, Some(100)), (60, None)] {
            assert_eq!(rfc().step_of(rfc().code(100).expose(), 3_000 + away), expected, "{away}");
        }
        for wrong in ["", "000000", "12345", "1234567", "２８７０８２"] {
            assert_eq!(rfc().step_of(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn the_address_for_the_app_is_encoded() {
        let uri = rfc().uri("MetroSOC", "nguyễn&lan");
        let expected = "otpauth://totp/MetroSOC:nguy%E1%BB%85n%26lan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=MetroSOC\
                        &algorithm=SHA1&digits=6&period=30";
        assert_eq!(uri.expose(), expected);
    }

    #[test]
    fn a_sealed_secret_belongs_to_its_account() {
        let sealer = Sealer::derived(&[7; 32], "test").unwrap();
        let secret = TotpSecret::generate().unwrap();
        assert_ne!(secret.base32().expose(), TotpSecret::generate().unwrap().base32().expose());
        let sealed = secret.seal(&sealer, "lan").unwrap();
        assert_eq!(TotpSecret::open(&sealer, "lan", &sealed).unwrap().base32().expose(), secret.base32().expose());
        assert!(TotpSecret::open(&sealer, "minh", &sealed).is_err());
        assert!(TotpSecret::open(&sealer, "lan", "zz").is_err());
        assert_eq!(format!("{secret:?}"), "TotpSecret(REDACTED)");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_step_or_nothing(code in "\\PC{0,12}", secs in 0_i64..4_000_000_000) {
            let step = rfc().step_of(&code, secs);
            prop_assert!(step.is_none_or(|step| (step - secs / 30).abs() <= 1));
        }
    }
}
