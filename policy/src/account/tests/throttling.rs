//! Lock-out and back-off.

use proptest::prelude::*;

use super::*;

fn wait(answer: Result<(), AccountError>) -> u64 {
    match answer {
        Ok(()) => 0,
        Err(AccountError::Locked { wait }) => wait.as_secs(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn waits_double_up_to_a_bound() {
    let clock = ManualClock::at(Timestamp::from_secs(1_000));
    let throttle = Throttle::new(ThrottleSettings::default());
    let mut waits = Vec::new();
    for at in 0..17_u8 {
        // From a new address each time: the name alone is counted.
        let address = IpAddr::from([192, 0, 2, at]);
        let refused = wait(throttle.begin("lan", address, clock.now()));
        if refused > 0 {
            waits.push(refused);
            clock.advance(Duration::from_secs(refused));
            assert_eq!(wait(throttle.begin("lan", address, clock.now())), 0);
        }
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    clock.advance(Duration::from_secs(2 * 3_600));
    for _ in 0..6 {
        assert_eq!(wait(throttle.begin("lan", here(), clock.now())), 0, "forgotten");
    }
    assert_eq!(wait(throttle.begin("lan", here(), clock.now())), 2);
    throttle.succeed("lan", here());
    assert_eq!(wait(throttle.begin("lan", here(), clock.now())), 0);
}

#[test]
fn an_address_is_counted_over_all_names() {
    let now = Timestamp::from_secs(1_000);
    let throttle = Throttle::new(ThrottleSettings::default());
    let neighbour: IpAddr = "2001:db8::1:2:3:4".parse().unwrap();
    for at in 0..21 {
        assert_eq!(wait(throttle.begin(&format!("name{at}"), "2001:db8::1".parse().unwrap(), now)), 0);
    }
    assert_eq!(wait(throttle.begin("another", neighbour, now)), 2, "one /64 is one address");
    assert_eq!(wait(throttle.begin("another", "2001:db8:0:1::1".parse().unwrap(), now)), 0);
    // Who signs in rightly in between does not buy guesses at others.
    for at in 0..21 {
        throttle.begin(&format!("n{at}"), here(), now).unwrap();
        if at % 2 == 0 && at < 20 {
            throttle.begin("me", "::ffff:192.0.2.7".parse().unwrap(), now).unwrap();
            throttle.succeed("me", here());
        }
    }
    assert_eq!(wait(throttle.begin("last", here(), now)), 2);
}

#[test]
fn memory_is_bounded_and_the_worst_are_remembered() {
    let now = Timestamp::from_secs(1_000);
    let settings = ThrottleSettings { entries_max: 50, ..ThrottleSettings::default() };
    let throttle = Throttle::new(settings);
    for _ in 0..6 {
        throttle.begin("admin", here(), now).unwrap();
    }
    for at in 0..2_000_u32 {
        let address = IpAddr::from((u128::from(at) << 64).to_be_bytes());
        let _ = throttle.begin(&format!("name{at}"), address, now);
    }
    assert_eq!(throttle.len(), (50, 50));
    assert_eq!(wait(throttle.begin("admin", IpAddr::from([203, 0, 113, 1]), now)), 2, "a flood of names frees nobody");
}

#[test]
fn a_clock_that_goes_back_locks_nobody_for_ever() {
    let late = Timestamp::from_secs(1_000_000);
    let throttle = Throttle::new(ThrottleSettings::default());
    for _ in 0..6 {
        throttle.begin("lan", here(), late).unwrap();
    }
    let early = Timestamp::from_secs(1_000);
    assert_eq!(wait(throttle.begin("lan", here(), early)), 900);
    assert_eq!(wait(throttle.begin("lan", here(), early.plus(Duration::from_secs(900)))), 0);
}

#[tokio::test]
async fn the_lock_is_the_same_for_those_who_do_not_exist() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let mut answers = Vec::new();
        for (name, network) in [("lan", 1), ("nobody", 2)] {
            let mut answer = Vec::new();
            for at in 0..9 {
                let address = IpAddr::from([198, 51, network, at]);
                answer.push(
                    house.accounts.sign_in(name, secret("wrong wrong wrong"), address).await.unwrap_err().to_string(),
                );
            }
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1]);
        assert!(answers[0][8].contains("try again in 2 s"), "{:?}", answers[0]);
        // The right password does not open a lock, waiting does.
        assert!(matches!(house.sign_in("lan").await, Err(AccountError::Locked { .. })));
        house.clock.advance(Duration::from_secs(2));
        assert!(house.sign_in("lan").await.is_ok());
        assert!(house.accounts.sign_in("lan", secret("wrong wrong wrong"), here()).await.is_err());
        assert!(house.sign_in("lan").await.is_ok(), "forgiven");
        house.close().await;
    }
}

proptest! {
    #[test]
    fn new_passwords_are_checked_without_panic(name in "\\PC{0,40}", text in "\\PC{0,60}") {
        let checked = password::check(&name, &secret(&text));
        prop_assert!(checked.is_err() || text.nfc().count() >= 12);
        prop_assert!(password::check(&name, &secret(&name)).is_err() || !name.chars().any(char::is_alphanumeric));
    }
}
