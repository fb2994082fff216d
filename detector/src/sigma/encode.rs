//! Values turned into other text before they are compared: UTF-16 and Base64 in Sigma's forms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::modifier::Transform;
use super::pattern::Pattern;

/// Applies the transformations in the order written; Base64 at an offset makes three patterns of one.
///
/// # Errors
/// A sentence, when a wildcard stands in what would be encoded, or the result is no text.
pub(crate) fn transformed(pattern: Pattern, transforms: &[Transform]) -> Result<Vec<Pattern>, String> {
    let encodes = transforms.iter().any(|transform| *transform != Transform::Windash);
    if !encodes {
        return Ok(vec![if transforms.is_empty() { pattern } else { pattern.with_dashes() }]);
    }
    if transforms.contains(&Transform::Windash) {
        return Err("`windash` cannot stand together with an encoding".to_owned());
    }
    let Some(text) = pattern.as_plain() else {
        return Err("a value with wildcards cannot be encoded".to_owned());
    };
    let mut values = vec![text.as_bytes().to_vec()];
    for transform in transforms {
        values = values.iter().map(|value| encode(value, *transform)).collect::<Result<Vec<_>, _>>()?.concat();
    }
    let text = |value: Vec<u8>| {
        String::from_utf8(value).map_err(|_| "the encoded value is no text; put `base64` behind it".to_owned())
    };
    values.into_iter().map(|value| text(value).map(|text| Pattern::plain(&text))).collect()
}

fn encode(value: &[u8], transform: Transform) -> Result<Vec<Vec<u8>>, String> {
    let units = || {
        let text = std::str::from_utf8(value).map_err(|_| "text is encoded as UTF-16 once only".to_owned())?;
        Ok::<Vec<u16>, String>(text.encode_utf16().collect())
    };
    let little = |units: Vec<u16>| units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    Ok(match transform {
        Transform::Windash => vec![value.to_vec()],
        Transform::Utf16Le => vec![little(units()?)],
        Transform::Utf16Be => vec![units()?.into_iter().flat_map(u16::to_be_bytes).collect()],
        Transform::Utf16 => vec![[vec![0xFF, 0xFE], little(units()?)].concat()],
        Transform::Base64 => vec![base64(value)],
        Transform::Base64Offset => (0..3).map(|offset| base64_at(value, offset)).collect(),
    })
}

/// The part of the Base64 of any text holding `value` at `offset` (mod 3) that `value` alone determines.
fn base64_at(value: &[u8], offset: usize) -> Vec<u8> {
    let padded = [vec![b' '; offset], value.to_vec()].concat();
    let encoded = base64(&padded);
    // Six bits a character: what overlaps the padding or the unknown bytes behind is cut off.
    let start = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded.get(start..end.max(start)).unwrap_or_default().to_vec()
}

fn base64(value: &[u8]) -> Vec<u8> {
    STANDARD.encode(value).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, transforms: &[Transform], expected: &[&str]) {
        let found = transformed(Pattern::plain(text), transforms).unwrap();
        let found: Vec<_> = found.iter().map(|pattern| pattern.as_plain().unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn encodings_agree_with_published_examples() {
        check("foobar", &[Transform::Base64], &["Zm9vYmFy"]);
        check("f", &[Transform::Base64], &["Zg=="]);
        check("fo", &[Transform::Base64], &["Zm8="]);
        check("foobar", &[Transform::Base64Offset], &["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        check("ping", &[Transform::Utf16Le, Transform::Base64], &["cABpAG4AZwA="]);
        check("ab", &[Transform::Utf16Be], &["\0a\0b"]);
        check("A", &[Transform::Utf16, Transform::Base64], &["//5BAA=="]);
        assert!(transformed(Pattern::parse("a*").unwrap(), &[Transform::Base64]).unwrap_err().contains("wildcards"));
        assert!(transformed(Pattern::plain("a"), &[Transform::Utf16]).is_err());
    }

    #[test]
    fn an_offset_value_is_found_wherever_it_stands() {
        let found = transformed(Pattern::plain("IEX"), &[Transform::Base64Offset]).unwrap();
        for before in 0..7 {
            let whole = String::from_utf8(base64(format!("{}IEX and more", "x".repeat(before)).as_bytes())).unwrap();
            assert!(found.iter().any(|part| whole.contains(part.as_plain().unwrap())), "{whole}");
        }
    }
}
