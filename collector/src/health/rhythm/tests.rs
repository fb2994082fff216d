//! Rhythms that are lived through second by second.

use super::*;

const START: i64 = 1_793_664_000;

struct Life {
    rhythm: Rhythm,
    now: Timestamp,
    resumed: Timestamp,
    bounds: Bounds,
    last: Timestamp,
}

impl Life {
    fn new() -> Self {
        let now = Timestamp::from_secs(START);
        let rhythm = Rhythm::new(SiteId::new("hcm-a").unwrap(), now);
        Self { rhythm, now, resumed: now, bounds: Bounds::default(), last: now }
    }

    /// So many seconds, each with as many records as `records` says of its number.
    fn live(&mut self, secs: i64, records: impl Fn(i64) -> u64) -> Vec<State> {
        let mut states = vec![self.rhythm.state];
        for second in 0..secs {
            self.now = self.now.plus(Duration::from_secs(1));
            let count = records(second);
            if count > 0 {
                self.last = self.now;
            }
            let heard = Heard { records: count, last: self.last, undecoded: 0, skew_ms: None };
            self.rhythm.look(&heard, self.now, self.resumed, &self.bounds);
            if states.last() != Some(&self.rhythm.state) {
                states.push(self.rhythm.state);
            }
        }
        states.remove(0);
        states
    }

    fn pause(&mut self, secs: u64) {
        self.now = self.now.plus(Duration::from_secs(secs));
        self.resumed = self.now;
        self.rhythm.resume(self.now);
    }
}

fn every(secs: i64) -> impl Fn(i64) -> u64 {
    move |second| u64::from(second % secs == 0)
}

#[test]
fn silence_is_seen_within_three_intervals_or_a_minute() {
    for (interval, learn, deadline) in [(1, 200, 60), (10, 400, 60), (30, 900, 90), (300, 9_000, 900)] {
        let mut life = Life::new();
        assert_eq!(life.live(learn, every(interval)), [State::Ok], "every {interval} s");
        let since = life.last;
        let silent = (0..).find(|_| life.live(1, |_| 0) == [State::Silent]);
        assert!(silent.is_some());
        let quiet = life.now.since(since).as_secs();
        assert!((deadline..=deadline + 2).contains(&quiet), "every {interval} s: {quiet} s");
        // Once is enough, and the first record ends it.
        assert_eq!(life.live(3_000, |_| 0), []);
        assert_eq!(life.live(1, |_| 1), [State::Ok]);
    }
}

#[test]
fn no_verdict_before_enough_was_seen() {
    let mut life = Life::new();
    assert_eq!(life.live(19, every(1)), []);
    assert_eq!(life.live(100_000, |_| 0), [], "19 arrivals are too few");
    let mut life = Life::new();
    assert_eq!(life.live(100, every(1)), [], "100 s are too short");
    assert_eq!(life.live(100_000, |_| 0), []);
}

#[test]
fn our_own_pause_is_not_the_silence_of_others() {
    let mut life = Life::new();
    life.live(300, every(1));
    life.pause(40_000);
    assert_eq!(life.live(59, |_| 0), []);
    assert_eq!(life.live(600, every(1)), []);
    assert!(life.rhythm.usual_secs(life.now).unwrap() < 2.0, "the pause is not learnt as a gap");
    life.pause(40_000);
    assert_eq!(life.live(62, |_| 0), [State::Silent], "what stays silent after it is");
    life.pause(40_000);
    assert_eq!(life.live(100, |_| 0), [], "and stays so over the next");
    assert_eq!(life.live(1, |_| 1), [State::Ok]);
}

#[test]
fn an_irregular_source_is_given_its_time() {
    // Bursts, now and then, as people work: a fixed sequence of gaps from 1 to 37 s.
    let mut life = Life::new();
    let states = life.live(86_400, |second| u64::from((second * second + second / 7) % 37 == 0));
    assert_eq!(states, [State::Ok]);
}

#[test]
fn less_and_more_are_seen_within_a_window() {
    let mut life = Life::new();
    assert_eq!(life.live(1_200, |_| 10), [State::Ok]);
    assert_eq!(life.live(70, |second| u64::from(second % 2 == 0)), [State::Drop]);
    assert_eq!(life.live(120, |_| 10), [State::Ok]);
    assert_eq!(life.live(70, |_| 200), [State::Surge]);
    assert_eq!(life.live(120, |_| 10), [State::Ok]);
    // What lasts becomes usual.
    let states = life.live(8_000, |_| 200);
    assert_eq!(states, [State::Surge, State::Ok]);
    // Few events say nothing.
    let mut life = Life::new();
    life.live(3_600, every(20));
    assert_eq!(life.live(600, every(50)), []);
}

#[test]
fn the_hour_of_the_week_is_learnt() {
    // Every second by day, every ten minutes at night; hours are those of the epoch.
    let records = |now: i64| {
        let hour = now.div_euclid(3_600) % 24;
        u64::from((8..18).contains(&hour) || now % 600 == 0)
    };
    let mut life = Life::new();
    let start = START;
    let first_week = life.live(7 * 86_400, |second| records(start + second + 1));
    assert!(first_week.len() > 1, "the first evening is not known yet");
    let second_week = life.live(7 * 86_400, |second| records(start + second + 1));
    assert_eq!(second_week, [], "the second week is as usual");
    let cell = life.rhythm.week.at(hour_of(Timestamp::from_secs(START))).unwrap();
    assert_eq!(cell.weeks, 2);
}

#[test]
fn a_clock_that_is_off_is_told_of() {
    let mut life = Life::new();
    life.live(300, every(1));
    let mut look = |skew_ms| {
        life.now = life.now.plus(Duration::from_secs(1));
        let heard = Heard { records: 1, last: life.now, undecoded: 2, skew_ms };
        life.rhythm.look(&heard, life.now, life.resumed, &life.bounds);
        life.rhythm.state
    };
    assert_eq!(look(Some(299_999)), State::Ok);
    assert_eq!(look(Some(-300_000)), State::Skewed);
    assert_eq!(look(None), State::Skewed);
    assert_eq!(look(Some(i64::MIN)), State::Skewed);
    assert_eq!(look(Some(0)), State::Ok);
    assert_eq!(life.rhythm.undecoded, 10);
}
