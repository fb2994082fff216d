//! Signing in and out.

use super::*;

#[tokio::test]
async fn a_session_has_a_beginning_and_an_end() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let SignedIn { token, session } = house.sign_in(" LAN ").await.unwrap();
        let found = house.accounts.session(token.expose()).await.unwrap();
        assert_eq!(found, session);
        assert_eq!((found.subject.name.as_str(), found.subject.role), ("lan", Role::AnalystTier1));
        assert!(found.csrf_matches(&session.csrf));
        for wrong in ["", "x", token.expose(), &session.csrf[1..], &session.csrf.to_uppercase()] {
            assert!(!found.csrf_matches(wrong));
        }
        assert_eq!(house.accounts.signed_in_addresses().await.unwrap(), [(here(), session.ends)]);
        for bad in ["", "mss_x", session.csrf.as_str(), &"x".repeat(10_000)] {
            assert!(matches!(house.accounts.session(bad).await, Err(AccountError::NotSignedIn)));
        }
        house.accounts.sign_out(&session).await.unwrap();
        assert!(house.accounts.session(token.expose()).await.is_err());
        assert_eq!(house.notes.actions(), ["user_created", "sign_in", "sign_out"]);
        assert!(!house.notes.text().contains(token.expose().as_str()));
        house.close().await;
    }
}

#[tokio::test]
async fn idle_and_old_sessions_end() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let minutes = |count: u64| house.clock.advance(Duration::from_secs(count * 60));
        let idle = house.sign_in("lan").await.unwrap();
        minutes(29);
        assert!(house.accounts.session(idle.token.expose()).await.is_ok());
        minutes(29);
        assert!(house.accounts.session(idle.token.expose()).await.is_ok(), "use keeps it alive");
        minutes(31);
        assert!(house.accounts.session(idle.token.expose()).await.is_err());
        assert!(house.accounts.signed_in_addresses().await.unwrap().is_empty());
        let busy = house.sign_in("lan").await.unwrap();
        for _ in 0..(12 * 60 / 20 - 1) {
            minutes(20);
            assert!(house.accounts.session(busy.token.expose()).await.is_ok());
        }
        minutes(20);
        assert!(house.accounts.session(busy.token.expose()).await.is_err(), "12 hours are the end");
        house.close().await;
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_extend_a_session() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let signed_in = house.sign_in("lan").await.unwrap();
        let before = Arc::new(ManualClock::at(house.clock.now().minus(Duration::from_secs(3_600))));
        let settings = AccountSettings { hasher: Arc::new(Cheap::default()), ..AccountSettings::default() };
        let journal = Arc::clone(&house.notes) as Arc<dyn Journal>;
        let earlier = Accounts::open(house.store.store().clone(), journal, before, settings, sealer()).await.unwrap();
        assert!(earlier.session(signed_in.token.expose()).await.is_err());
        house.close().await;
    }
}

#[tokio::test]
async fn sessions_are_few_and_all_end_when_they_must() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("lan", Role::AnalystTier1).await;
        house.user("an", Role::Admin).await;
        let mut tokens = Vec::new();
        for _ in 0..4 {
            tokens.push(house.sign_in("lan").await.unwrap());
            house.clock.advance(Duration::from_secs(1));
        }
        assert!(accounts.session(tokens[0].token.expose()).await.is_err(), "the oldest made room");
        let last = &tokens[3].session;
        let listed = accounts.sessions(&last.subject.name, Some(last)).await.unwrap();
        assert_eq!(listed.len(), 3);
        assert!(listed[0].current && listed[0].address == HERE && !listed[1].current);

        let new = secret("năm con voi đi chơi");
        let wrong = accounts.change_password(last, secret("sai mật khẩu rồi"), new.clone(), here()).await;
        assert!(matches!(wrong, Err(AccountError::Refused)));
        let fresh = accounts.change_password(last, secret(GOOD), new.clone(), here()).await.unwrap();
        assert!(accounts.session(tokens[3].token.expose()).await.is_err(), "every other session ended");
        assert!(accounts.session(fresh.token.expose()).await.is_ok());
        assert!(house.sign_in("lan").await.is_err(), "the old password is gone");
        let again = accounts.sign_in("lan", new.clone(), here()).await.unwrap().signed_in().unwrap();
        let name = &again.session.subject.name;
        assert_eq!(accounts.end_other_sessions(name, Some(&again.session)).await.unwrap(), 1);
        assert!(accounts.session(fresh.token.expose()).await.is_err());
        assert!(accounts.session(again.token.expose()).await.is_ok());
        assert_eq!(accounts.end_other_sessions(name, None).await.unwrap(), 1);
        assert!(accounts.session(again.token.expose()).await.is_err());

        let again = accounts.sign_in("lan", new.clone(), here()).await.unwrap().signed_in().unwrap();
        accounts.set_disabled(&house.manage(), "lan", true).await.unwrap();
        assert!(accounts.session(again.token.expose()).await.is_err());
        assert!(matches!(accounts.sign_in("lan", new, here()).await, Err(AccountError::Refused)));
        let admin = house.sign_in("an").await.unwrap();
        assert_eq!(accounts.end_sessions(&house.manage(), "an").await.unwrap(), 1);
        assert!(accounts.session(admin.token.expose()).await.is_err());
        house.close().await;
    }
}

#[tokio::test]
async fn the_answer_does_not_tell_who_exists() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        house.user("bot", Role::Machine).await;
        house.user("off", Role::Dpo).await;
        house.accounts.set_disabled(&house.manage(), "off", true).await.unwrap();
        let new = NewAccount { name: "new".into(), role: Role::Dpo, agency: None, password: None };
        house.accounts.create(&house.manage(), new).await.unwrap();
        for (name, password) in [
            ("lan", "wrong wrong wrong"),
            ("nobody", "wrong wrong wrong"),
            ("off", GOOD),
            ("bot", GOOD),
            ("new", GOOD),
            ("new", ""),
            ("lan", ""),
            ("a b:c\0", GOOD),
            ("", ""),
        ] {
            let before = house.hasher.verified.load(Ordering::Relaxed);
            let error = house.accounts.sign_in(name, secret(password), here()).await.unwrap_err();
            assert!(matches!(error, AccountError::Refused), "{name}: {error:?}");
            let work = house.hasher.verified.load(Ordering::Relaxed) - before;
            assert_eq!(work, 1, "{name}: the same work whether or not there is such an account");
        }
        let text = house.notes.text();
        assert!(text.contains("sign_in_refused") && !text.contains("nobody") && !text.contains("wrong wrong"));
        house.close().await;
    }
}

#[tokio::test]
async fn nothing_secret_is_stored() {
    for house in houses().await {
        house.user("lan", Role::AnalystTier1).await;
        let SignedIn { token, session } = house.sign_in("lan").await.unwrap();
        let (api, _) = house.accounts.create_token(&house.manage(), "lan", NewToken::default()).await.unwrap();
        let code = house.accounts.recovery_code(&house.manage(), "lan").await.unwrap();
        let mut stored = String::new();
        for statement in [
            "SELECT name || role || agency || password FROM account",
            "SELECT digest || account || address FROM account_session",
            "SELECT id || digest || account || label || created_by FROM account_token",
            "SELECT account || digest || created_by FROM account_code",
        ] {
            let rows = store::sqlx::query_scalar::<_, String>(statement).fetch_all(house.store.pool()).await.unwrap();
            stored.push_str(&rows.concat());
        }
        let plain = code.code.expose().replace('-', "");
        for secret in [token.expose(), api.expose(), &plain, code.code.expose(), &session.csrf, GOOD] {
            assert!(!stored.contains(secret));
        }
        house.close().await;
    }
}
