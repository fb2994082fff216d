//! `applications.csv`: whatever stands there is read or refused, and what was read decides without end or panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::application::{Applications, Asked};

fuzz_target!(|text: &str| {
    let Ok(read) = Applications::parse(text) else { return };
    let mut words = text.split([',', '\n']).map(|word| word.trim().to_owned());
    let (subject, action, kind) = (words.next(), words.next(), words.next());
    let asked = Asked {
        subject: subject.unwrap_or_default(),
        action: action.unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        owner: words.next(),
        words: words.map(|word| (word.clone(), [word].into())).collect(),
    };
    let _ = read.decide(&asked);
});
