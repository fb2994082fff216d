//! Making and changing accounts.

use super::*;

#[tokio::test]
async fn accounts_are_made_listed_and_changed() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("Lan", Role::AnalystTier1).await;
        house.user("an", Role::Admin).await;
        house.user("sở", Role::AgencyOfficer).await;
        let names = |list: Vec<Account>| list.into_iter().map(|account| account.name.to_string()).collect::<Vec<_>>();
        let read = house.permit("an", Operation::Read);
        assert_eq!(names(accounts.list(&read).await.unwrap()), ["an", "lan", "sở"]);
        let assignable: Vec<String> = accounts.assignable().await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(assignable, ["lan"], "who reads alerts over all agencies; administrators read none");
        accounts.set_role(&house.manage(), "LAN", Role::AnalystTier2, None).await.unwrap();
        let lan = accounts.list(&read).await.unwrap().remove(1);
        assert_eq!((lan.role, lan.has_password, lan.disabled), (Role::AnalystTier2, true, false));
        let twice = NewAccount { name: "lAn".into(), role: Role::Dpo, agency: None, password: None };
        assert!(matches!(accounts.create(&house.manage(), twice).await, Err(AccountError::Exists { .. })));
        assert_eq!(house.notes.actions(), ["user_created", "user_created", "user_created", "user_role_changed"]);
        house.close().await;
    }
}

#[tokio::test]
async fn only_the_right_permit_opens_accounts() {
    for house in houses().await {
        let own = Scope { agencies: Reach::Only([AgencyId::new("so-y-te").unwrap()].into()), sites: Reach::All };
        let old = house.manage();
        house.clock.advance(Duration::from_secs(61));
        for permit in [
            house.permit("an", Operation::Read),
            house.permit_over("an", Operation::Manage, Object::Sites, Scope::all()),
            house.permit_over("an", Operation::Manage, Object::Users, own),
            old,
        ] {
            let new = NewAccount { name: "x".into(), role: Role::Admin, agency: None, password: None };
            let answers = [
                house.accounts.create(&permit, new).await.map(|_| ()),
                house.accounts.set_disabled(&permit, "x", true).await,
                house.accounts.set_role(&permit, "x", Role::Admin, None).await,
                house.accounts.create_token(&permit, "x", NewToken::default()).await.map(|_| ()),
                house.accounts.revoke_token(&permit, "x").await,
                house.accounts.recovery_code(&permit, "x").await.map(|_| ()),
                house.accounts.end_sessions(&permit, "x").await.map(|_| ()),
                house.accounts.end_session_of(&permit, "x", "0123456789abcdef").await,
                house.accounts.reset_second_factor(&permit, "x").await,
            ];
            for answer in answers {
                assert!(matches!(answer, Err(AccountError::NotPermitted)), "{answer:?}");
            }
        }
        assert!(house.accounts.list(&house.manage()).await.is_err());
        assert!(house.notes.actions().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn odd_accounts_are_refused() {
    for house in houses().await {
        let make = |name: &str, role, password: Option<&str>| {
            let new = NewAccount { name: name.to_owned(), role, agency: None, password: password.map(secret) };
            let permit = house.manage();
            let accounts = house.accounts.clone();
            async move { accounts.create(&permit, new).await.map_or_else(|error| error.to_string(), |_| "made".into()) }
        };
        assert!(make("local:0", Role::Admin, Some(GOOD)).await.contains("`:` is reserved"));
        assert!(make("site:x", Role::Machine, None).await.contains("`:` is reserved"));
        assert!(make("", Role::Admin, Some(GOOD)).await.contains("cannot be used"));
        assert!(make("a b", Role::Admin, Some(GOOD)).await.contains("cannot be used"));
        assert!(make(&"x".repeat(500), Role::Admin, Some(GOOD)).await.contains("cannot be used"));
        assert!(make("so", Role::AgencyOfficer, Some(GOOD)).await.contains("needs an agency"));
        assert!(make("bot", Role::Machine, Some(GOOD)).await.contains("has no password"));
        assert!(make("lan", Role::Dpo, Some("short")).await.contains("shorter than 12"));
        assert!(make("nguyenthilan", Role::Dpo, Some("Nguyen.Thi.Lan")).await.contains("name of the account"));
        assert!(make("lan", Role::Dpo, Some("aaaaaaaaaaaaaaa")).await.contains("one character"));
        assert!(make("lan", Role::Dpo, Some(&"x".repeat(2_000))).await.contains("longer than 1024"));
        assert_eq!(make("lan", Role::Dpo, Some(GOOD)).await, "made");
        assert_eq!(make("lan2", Role::Dpo, None).await, "made");
        house.close().await;
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("an", Role::Admin).await;
        let last = accounts.set_disabled(&house.manage(), "an", true).await;
        assert!(matches!(last, Err(AccountError::LastAdministrator { .. })));
        assert!(accounts.set_role(&house.manage(), "an", Role::Dpo, None).await.is_err());
        house.user("binh", Role::Admin).await;
        accounts.set_disabled(&house.manage(), "an", true).await.unwrap();
        assert!(accounts.set_disabled(&house.manage(), "binh", true).await.is_err());
        accounts.set_disabled(&house.manage(), "an", false).await.unwrap();
        assert!(house.sign_in("an").await.is_ok());
        house.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    for house in houses().await {
        house.user("an", Role::Admin).await;
        let signed_in = house.sign_in("an").await.unwrap();
        let (_, token) = house.accounts.create_token(&house.manage(), "an", NewToken::default()).await.unwrap();
        house.notes.broken.store(true, Ordering::Relaxed);
        let new = NewAccount { name: "x".into(), role: Role::Dpo, agency: None, password: None };
        let answers = [
            house.accounts.create(&house.manage(), new).await.map(|_| ()),
            house.accounts.revoke_token(&house.manage(), &token.id).await,
            house.accounts.end_sessions(&house.manage(), "an").await.map(|_| ()),
            house.accounts.sign_out(&signed_in.session).await,
            house.sign_in("an").await.map(|_| ()),
            house.accounts.recovery_code(&house.manage(), "an").await.map(|_| ()),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(AccountError::Ledger(_))), "{answer:?}");
        }
        house.notes.broken.store(false, Ordering::Relaxed);
        assert_eq!(house.accounts.list(&house.permit("an", Operation::Read)).await.unwrap().len(), 1);
        assert!(house.accounts.session(signed_in.token.expose()).await.is_ok());
        assert_eq!(house.accounts.sessions(&signed_in.session.subject.name, None).await.unwrap().len(), 1);
        house.close().await;
    }
}

#[tokio::test]
async fn tokens_are_shown_once_and_stop() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("bot", Role::Machine).await;
        let expires = Some(house.clock.now().plus(Duration::from_secs(600)));
        let new = NewToken { label: "hcm\u{7}-q1".into(), expires };
        let (token, info) = accounts.create_token(&house.manage(), "bot", new).await.unwrap();
        assert!(token.expose().starts_with("msk_") && info.label == "hcm-q1");
        let subject = accounts.authenticate_token(token.expose()).await.unwrap();
        assert_eq!((subject.name.as_str(), subject.role), ("bot", Role::Machine));
        let (forever, kept) = accounts.create_token(&house.manage(), "bot", NewToken::default()).await.unwrap();
        let read = house.permit("an", Operation::Read);
        let listed = accounts.tokens(&read, Some("bot")).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().any(|token| token.id == info.id && token.used.is_some() && token.expires == expires));
        assert!(accounts.tokens(&read, Some("nobody")).await.unwrap().is_empty());
        for bad in ["", "msk_", "mss_x", &token.expose()[..20], &format!("{}x", token.expose()), &"msk_".repeat(999)] {
            assert!(matches!(accounts.authenticate_token(bad).await, Err(AccountError::NotSignedIn)));
        }
        house.clock.advance(Duration::from_secs(600));
        assert!(accounts.authenticate_token(token.expose()).await.is_err());
        assert!(accounts.authenticate_token(forever.expose()).await.is_ok());
        accounts.set_disabled(&house.manage(), "bot", true).await.unwrap();
        assert!(accounts.authenticate_token(forever.expose()).await.is_err());
        accounts.set_disabled(&house.manage(), "bot", false).await.unwrap();
        accounts.revoke_token(&house.manage(), &kept.id).await.unwrap();
        assert!(accounts.authenticate_token(forever.expose()).await.is_err());
        assert!(matches!(
            accounts.revoke_token(&house.manage(), &kept.id).await,
            Err(AccountError::UnknownToken { .. })
        ));
        assert!(!house.notes.text().contains(forever.expose().as_str()));
        house.close().await;
    }
}
