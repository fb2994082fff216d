//! The labelled set: invented log lines in which every personal value is marked.
//!
//! Seeded: the same seed gives the same lines. Its lists of names are its own: beside common words they hold families,
//! middle and given names that `rules/privacy/words.yml` does not know ([`people`]). A third of the lines comes from
//! templates ([`held_out`]) and people ([`held_out_people`]) on which the scanner's words and scores were not chosen, and
//! is measured apart; the other values are made in the same way for both.

mod forms;
pub(crate) mod held_out;
pub(crate) mod held_out_people;
pub(crate) mod people;
mod places;
mod random;
pub(crate) mod shapes;
mod values;

use policy::privacy::Class;

pub(crate) use forms::Form;
use random::Random;

/// Lines of the set that the documentation gives figures of.
pub(crate) const LINES: usize = 24_000;
/// Its seed.
pub(crate) const SEED: u64 = 20_260_101;

/// Where a personal value stands in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its first byte.
    pub(crate) start: usize,
    /// The byte after its last.
    pub(crate) end: usize,
    /// What it is.
    pub(crate) class: Class,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The text.
    pub(crate) text: String,
    /// Every personal value in it, in order.
    pub(crate) labels: Vec<Label>,
    /// How its letters are written.
    pub(crate) form: Form,
    /// From a template that was held back.
    pub(crate) held_out: bool,
    /// The template, for whoever looks for the reason of a miss.
    pub(crate) template: &'static str,
}

/// So many lines; the same seed gives the same ones.
pub(crate) fn lines(seed: u64, count: usize) -> impl Iterator<Item = Line> {
    let mut random = Random::new(seed);
    (0..count).map(move |number| line(&mut random, number))
}

fn line(random: &mut Random, number: usize) -> Line {
    let held_out = random.below(3) == 0;
    let templates = if held_out { held_out::TEMPLATES } else { shapes::TEMPLATES };
    let template = *random.pick(templates);
    let form = Form::ALL[number % Form::ALL.len()];
    render(random, template, form, held_out)
}

/// Fills a template in. `{kind}` is a value; a template that begins with `#` is a sentence, in which capitals are
/// written throughout, the others are records, in which only values are.
fn render(random: &mut Random, template: &'static str, form: Form, held_out: bool) -> Line {
    let (sentence, body) = match template.strip_prefix('#') {
        Some(body) => (true, body),
        None => (false, template),
    };
    let people = if held_out { &held_out_people::LISTS } else { &people::LISTS };
    let mut line = Line { text: String::new(), labels: Vec::new(), form, held_out, template };
    let mut rest = body;
    while let Some(open) = rest.find('{') {
        let (literal, behind) = rest.split_at(open);
        line.text.push_str(&form.write(literal, sentence));
        // `{{` is a brace.
        if let Some(after) = behind.strip_prefix("{{") {
            line.text.push('{');
            rest = after;
            continue;
        }
        let (kind, after) = behind[1..].split_once('}').expect("a template closes its braces");
        let (value, class) = values::value(random, kind, people);
        let start = line.text.len();
        let keeps = matches!(class, Some(Class::UserName | Class::DeviceId)) || kind.starts_with("keep_");
        line.text.push_str(&form.write(&value, !keeps));
        if let Some(class) = class {
            line.labels.push(Label { start, end: line.text.len(), class });
        }
        rest = after;
    }
    line.text.push_str(&form.write(rest, sentence));
    line
}
