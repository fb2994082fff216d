//! Enrolling, signing in with and resetting a second factor; stepping up.

use event::AuthStrength;
use keys::TotpSecret;
use store::sqlx;

use super::*;

impl House {
    /// The code that the account's app shows now, `steps` away.
    async fn app(&self, name: &str, steps: i64) -> Secret<String> {
        let select = sqlx::query_scalar::<_, String>("SELECT secret FROM account_totp WHERE account = $1").bind(name);
        let sealed = select.fetch_one(self.store.store().pool()).await.unwrap();
        let app = TotpSecret::open(&self.sealer, name, &sealed).unwrap();
        app.code(self.clock.now().secs() / 30 + steps)
    }

    async fn enrol(&self, name: &str) -> Enrolled {
        let signed_in = self.sign_in(name).await.unwrap();
        self.accounts.begin_second_factor(&signed_in.session).await.unwrap();
        let code = self.app(name, 0).await;
        self.accounts.confirm_second_factor(&signed_in.session, &code, &visitor()).await.unwrap()
    }

    async fn challenge(&self, name: &str) -> String {
        match self.accounts.sign_in(name, secret(GOOD), here()).await.unwrap() {
            Entry::SecondFactor(challenge) => challenge.token.expose().clone(),
            Entry::SignedIn(_) => panic!("signed in without a second factor"),
        }
    }

    async fn finish(&self, challenge: &str, code: &str) -> Result<SignedIn, AccountError> {
        self.accounts.finish_sign_in(challenge, &secret(code), here()).await
    }
}

fn visitor() -> Visitor {
    Visitor::new(here(), "a browser")
}

#[tokio::test]
async fn a_second_factor_counts_once_a_first_code_was_right() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("lan", Role::AnalystTier1).await;
        let first = house.sign_in("lan").await.unwrap();
        let other = house.sign_in("lan").await.unwrap();
        let enrolment = accounts.begin_second_factor(&first.session).await.unwrap();
        assert!(enrolment.uri.expose().contains(enrolment.secret.expose()));
        assert!(house.sign_in("lan").await.is_ok(), "not in force yet");
        let wrong = accounts.confirm_second_factor(&first.session, &secret("000000"), &visitor()).await;
        assert!(matches!(wrong, Err(AccountError::CodeRefused)));
        let code = house.app("lan", 0).await;
        let done = accounts.confirm_second_factor(&first.session, &code, &visitor()).await.unwrap();
        assert_eq!(done.codes.len(), 10);
        assert!(accounts.session(first.token.expose()).await.is_err(), "the token was rotated");
        assert!(accounts.session(other.token.expose()).await.is_err(), "other sessions ended");
        let session = accounts.session(done.signed_in.token.expose()).await.unwrap();
        assert_eq!(session, done.signed_in.session);
        assert_eq!(session.authentication.strength, AuthStrength::TwoFactor);
        let status = accounts.second_factor(&session).await.unwrap();
        assert_eq!((status.enrolled, status.required, status.recovery_codes), (true, false, 10));
        assert!(matches!(accounts.begin_second_factor(&session).await, Err(AccountError::SecondFactorExists)));
        let text = house.notes.text();
        assert!(text.contains("second_factor_enrolled") && !text.contains(enrolment.secret.expose()));
        house.close().await;
    }
}

#[tokio::test]
async fn an_old_sign_in_enrols_nothing() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let signed_in = house.sign_in("lan").await.unwrap();
        house.clock.advance(Duration::from_secs(11 * 60));
        let refused = house.accounts.begin_second_factor(&signed_in.session).await;
        assert!(matches!(refused, Err(AccountError::StepUpNeeded)));
        let proof = Proof::Password(secret("wrong wrong wrong"));
        let wrong = house.accounts.step_up(&signed_in.session, proof, &visitor()).await;
        assert!(matches!(wrong, Err(AccountError::Refused)));
        let again =
            house.accounts.step_up(&signed_in.session, Proof::Password(secret(GOOD)), &visitor()).await.unwrap();
        assert!(house.accounts.begin_second_factor(&again.session).await.is_ok());
        house.close().await;
    }
}

#[tokio::test]
async fn signing_in_takes_two_steps_and_no_code_twice() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        house.enrol("lan").await;
        let challenge = house.challenge("lan").await;
        let used = house.app("lan", 0).await;
        assert!(matches!(house.finish(&challenge, used.expose()).await, Err(AccountError::CodeRefused)), "replay");
        house.clock.advance(Duration::from_secs(30));
        let code = house.app("lan", 0).await;
        let signed_in = house.finish(&challenge, code.expose()).await.unwrap();
        assert_eq!(signed_in.session.authentication.strength, AuthStrength::TwoFactor);
        let again = house.finish(&challenge, code.expose()).await;
        assert!(matches!(again, Err(AccountError::ChallengeEnded)), "a challenge is good once");
        let challenge = house.challenge("lan").await;
        assert!(matches!(house.finish(&challenge, code.expose()).await, Err(AccountError::CodeRefused)), "replay");
        let early = house.app("lan", 1).await;
        assert!(house.finish(&challenge, early.expose()).await.is_ok(), "one step ahead");
        let challenge = house.challenge("lan").await;
        let now = house.app("lan", 0).await;
        assert!(house.finish(&challenge, now.expose()).await.is_err(), "no step before one that was used");
        for bad in ["", "msf_x", &"x".repeat(10_000)] {
            assert!(matches!(house.finish(bad, "123456").await, Err(AccountError::ChallengeEnded)));
        }
        house.close().await;
    }
}

#[tokio::test]
async fn guessing_codes_is_bounded_and_counted_with_passwords() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        house.enrol("lan").await;
        let mut outcomes = Vec::new();
        let challenge = house.challenge("lan").await;
        for _ in 0..6 {
            outcomes.push(match house.finish(&challenge, "999999").await {
                Err(AccountError::CodeRefused) => "wrong",
                Err(AccountError::Locked { .. }) => "locked",
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(outcomes, ["wrong", "wrong", "wrong", "wrong", "wrong", "locked"]);
        let locked = house.accounts.sign_in("lan", secret(GOOD), here()).await;
        assert!(matches!(locked, Err(AccountError::Locked { .. })), "a right password does not buy more guesses");
        house.clock.advance(Duration::from_secs(60));
        let spent = house.finish(&challenge, house.app("lan", 0).await.expose()).await;
        assert!(matches!(spent, Err(AccountError::ChallengeEnded)), "{spent:?}");
        let late = {
            house.clock.advance(Duration::from_secs(3_700));
            let challenge = house.challenge("lan").await;
            house.clock.advance(Duration::from_secs(5 * 60));
            house.finish(&challenge, house.app("lan", 0).await.expose()).await
        };
        assert!(matches!(late, Err(AccountError::ChallengeEnded)));
        house.close().await;
    }
}

#[tokio::test]
async fn recovery_codes_work_once() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        house.user("minh", Role::AnalystTier1).await;
        let codes = house.enrol("lan").await.codes;
        house.enrol("minh").await;
        let typed = codes[3].expose().to_uppercase().replace('-', " ");
        let other = house.challenge("minh").await;
        assert!(matches!(house.finish(&other, &typed).await, Err(AccountError::CodeRefused)), "somebody else's");
        let challenge = house.challenge("lan").await;
        let signed_in = house.finish(&challenge, &typed).await.unwrap();
        assert_eq!(house.accounts.second_factor(&signed_in.session).await.unwrap().recovery_codes, 9);
        let challenge = house.challenge("lan").await;
        assert!(matches!(house.finish(&challenge, &typed).await, Err(AccountError::CodeRefused)));
        let fresh = house.accounts.new_recovery_codes(&signed_in.session).await.unwrap();
        assert!(house.finish(&challenge, codes[4].expose()).await.is_err(), "replaced");
        assert!(house.finish(&challenge, fresh[0].expose()).await.is_ok());
        house.close().await;
    }
}

#[tokio::test]
async fn a_recovered_password_does_not_pass_the_second_factor() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        house.enrol("lan").await;
        let code = house.accounts.recovery_code(&house.manage(), "lan").await.unwrap();
        let entry = house.accounts.recover("lan", code.code.expose(), secret("năm con voi"), here()).await;
        assert!(matches!(entry, Err(AccountError::WeakPassword { .. })));
        let entry = house.accounts.recover("lan", code.code.expose(), secret("năm con voi đi chơi"), here()).await;
        assert!(matches!(entry.unwrap(), Entry::SecondFactor(_)));
        house.close().await;
    }
}

#[tokio::test]
async fn a_step_up_rotates_the_session_and_grows_old() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("lan", Role::AnalystTier1).await;
        let signed_in = house.enrol("lan").await.signed_in;
        let age_max = accounts.step_up_age_max();
        house.clock.advance(age_max + Duration::from_secs(1));
        let old = accounts.session(signed_in.token.expose()).await.unwrap();
        assert!(!old.authentication.has_fresh_second_factor(house.clock.now(), age_max));
        assert!(matches!(accounts.new_recovery_codes(&old).await, Err(AccountError::StepUpNeeded)));
        assert!(matches!(accounts.remove_second_factor(&old).await, Err(AccountError::StepUpNeeded)));
        let password = accounts.step_up(&old, Proof::Password(secret(GOOD)), &visitor()).await;
        assert!(matches!(password, Err(AccountError::StepUpNeeded)), "a password is no second factor");
        let wrong = accounts.step_up(&old, Proof::Code(secret("123123")), &visitor()).await;
        assert!(matches!(wrong, Err(AccountError::CodeRefused)));
        let code = house.app("lan", 0).await;
        let fresh = accounts.step_up(&old, Proof::Code(code), &visitor()).await.unwrap();
        assert!(accounts.session(signed_in.token.expose()).await.is_err(), "the old token is worth nothing");
        let session = accounts.session(fresh.token.expose()).await.unwrap();
        assert!(session.authentication.has_fresh_second_factor(house.clock.now(), age_max));
        assert_eq!((session.started, session.ends), (old.started, old.ends), "no longer than before");
        assert_ne!(session.csrf, old.csrf);
        accounts.remove_second_factor(&session).await.unwrap();
        let session = accounts.session(fresh.token.expose()).await.unwrap();
        assert_eq!(session.authentication.strength, AuthStrength::Password);
        assert!(house.sign_in("lan").await.is_ok());
        house.close().await;
    }
}

#[tokio::test]
async fn roles_that_must_have_it_are_told_and_administrators_reset_it() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("dpo", Role::Dpo).await;
        house.user("an", Role::Admin).await;
        assert!(house.sign_in("dpo").await.unwrap().session.second_factor_due);
        assert!(!house.sign_in("an").await.unwrap().session.second_factor_due);
        let enrolled = house.enrol("dpo").await.signed_in;
        assert!(!accounts.session(enrolled.token.expose()).await.unwrap().second_factor_due);
        house.enrol("an").await;
        let web = house.permit("binh", Operation::Manage);
        assert!(matches!(accounts.reset_second_factor(&web, "an").await, Err(AccountError::NotPermitted)));
        let own = house.permit("dpo", Operation::Manage);
        assert!(matches!(accounts.reset_second_factor(&own, "dpo").await, Err(AccountError::NotPermitted)));
        accounts.reset_second_factor(&web, "dpo").await.unwrap();
        assert!(accounts.session(enrolled.token.expose()).await.is_err());
        assert!(house.sign_in("dpo").await.unwrap().session.second_factor_due);
        accounts.reset_second_factor(&house.manage(), "an").await.unwrap();
        assert!(house.sign_in("an").await.is_ok());
        assert!(house.notes.actions().contains(&"second_factor_reset"));
        house.close().await;
    }
}

#[tokio::test]
async fn one_session_is_ended_by_its_id() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("lan", Role::AnalystTier1).await;
        house.user("minh", Role::AnalystTier1).await;
        let visitor = Visitor::new(here(), "Mozilla/5.0");
        let entry = accounts.sign_in("lan", secret(GOOD), visitor).await.unwrap();
        let (one, two) = (entry.signed_in().unwrap(), house.sign_in("lan").await.unwrap());
        let (lan, minh) = (&one.session.subject.name, house.sign_in("minh").await.unwrap().session.subject.name);
        let listed = accounts.sessions(lan, Some(&two.session)).await.unwrap();
        let first = listed.iter().find(|session| !session.current).unwrap();
        assert_eq!((first.user_agent.as_str(), first.strength), ("Mozilla/5.0", AuthStrength::Password));
        for (name, id) in [(&minh, first.id.as_str()), (lan, "0000000000000000"), (lan, ""), (lan, "%")] {
            assert!(matches!(accounts.end_session(name, id).await, Err(AccountError::UnknownSession { .. })), "{id}");
        }
        accounts.end_session(lan, &first.id).await.unwrap();
        assert!(accounts.session(one.token.expose()).await.is_err());
        assert!(accounts.session(two.token.expose()).await.is_ok());
        let read = house.permit("an", Operation::Read);
        let seen = accounts.sessions_of(&read, "lan").await.unwrap();
        assert_eq!((seen.len(), seen[0].current), (1, false));
        accounts.end_session_of(&house.manage(), "lan", &seen[0].id).await.unwrap();
        assert!(accounts.session(two.token.expose()).await.is_err());
        assert!(house.notes.actions().contains(&"session_ended"));
        house.close().await;
    }
}
