//! The first administrator, and the way back in.

use super::*;

#[tokio::test]
async fn the_first_administrator_comes_with_a_code() {
    for house in houses().await {
        let accounts = &house.accounts;
        assert!(accounts.setup_needed().await.unwrap());
        let old = accounts.setup_code().await.unwrap().unwrap();
        let code = accounts.setup_code().await.unwrap().unwrap();
        let digits = code.code.expose().clone();
        assert!(digits.len() == 29 && digits.split('-').all(|group| group.len() == 5));
        let set_up = |code: &str, password: &str| {
            let (code, password) = (code.to_owned(), secret(password));
            async move { accounts.set_up(&code, "An", password, here()).await }
        };
        for bad in ["", "00000-00000-00000-00000-00000", old.code.expose(), &digits[..28]] {
            assert!(matches!(set_up(bad, GOOD).await, Err(AccountError::CodeRefused)), "{bad}");
        }
        assert!(matches!(set_up(&digits, "short").await, Err(AccountError::WeakPassword { .. })));
        let typed = digits.to_uppercase().replace('-', " ");
        let signed_in = set_up(&typed, GOOD).await.unwrap();
        assert_eq!((signed_in.session.subject.name.as_str(), signed_in.session.subject.role), ("an", Role::Admin));
        assert!(accounts.session(signed_in.token.expose()).await.is_ok());
        assert!(!accounts.setup_needed().await.unwrap());
        assert!(accounts.setup_code().await.unwrap().is_none());
        assert!(matches!(set_up(&digits, GOOD).await, Err(AccountError::AlreadySetUp)));
        assert!(house.sign_in("an").await.is_ok());
        assert!(house.notes.actions().contains(&"first_administrator"));
        house.close().await;
    }
}

#[tokio::test]
async fn an_old_code_is_refused_and_guessing_is_slow() {
    for house in houses().await {
        let code = house.accounts.setup_code().await.unwrap().unwrap();
        house.clock.advance(Duration::from_secs(15 * 60));
        let late = house.accounts.set_up(code.code.expose(), "an", secret(GOOD), here()).await;
        assert!(matches!(late, Err(AccountError::CodeRefused)));
        let mut locked = false;
        for _ in 0..30 {
            let guess = house.accounts.set_up("11111-22222", "an", secret(GOOD), here()).await;
            locked |= matches!(guess, Err(AccountError::Locked { .. }));
        }
        assert!(locked);
        let code = house.accounts.setup_code().await.unwrap().unwrap();
        let elsewhere = "2001:db8:1::1".parse::<IpAddr>().unwrap();
        assert!(house.accounts.set_up(code.code.expose(), "an", secret(GOOD), elsewhere).await.is_ok());
        house.close().await;
    }
}

#[tokio::test]
async fn the_operator_lets_an_administrator_back_in() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("an", Role::Admin).await;
        house.user("lan", Role::AnalystTier1).await;
        house.user("bot", Role::Machine).await;
        let session = house.sign_in("an").await.unwrap();
        // Locked out by somebody who guesses.
        for _ in 0..10 {
            let _ =
                accounts.sign_in("an", secret("wrong wrong wrong"), "198.51.100.9".parse::<IpAddr>().unwrap()).await;
        }
        assert!(matches!(house.sign_in("an").await, Err(AccountError::Locked { .. })));
        let web = house.permit("binh", Operation::Manage);
        assert!(matches!(accounts.recovery_code(&web, "an").await, Err(AccountError::NotPermitted)));
        assert!(matches!(accounts.recovery_code(&house.manage(), "bot").await, Err(AccountError::MachinePassword)));
        assert!(matches!(accounts.recovery_code(&house.manage(), "who").await, Err(AccountError::Unknown { .. })));
        let code = accounts.recovery_code(&house.manage(), "an").await.unwrap();
        let new = "năm con voi đi chơi";
        let wrong = accounts.recover("an", "00000-00000", secret(new), here()).await;
        assert!(matches!(wrong, Err(AccountError::CodeRefused)));
        let other = accounts.recover("lan", code.code.expose(), secret(new), here()).await;
        assert!(matches!(other, Err(AccountError::CodeRefused)));
        let nobody = accounts.recover("who", code.code.expose(), secret(new), here()).await;
        assert!(matches!(nobody, Err(AccountError::CodeRefused)));
        accounts.recover("an", code.code.expose(), secret(new), here()).await.unwrap();
        assert!(accounts.session(session.token.expose()).await.is_err(), "older sessions ended");
        assert!(accounts.sign_in("an", secret(new), here()).await.is_ok(), "the lock is lifted");
        let again = accounts.recover("an", code.code.expose(), secret(new), here()).await;
        assert!(matches!(again, Err(AccountError::CodeRefused)), "once");
        // An administrator may do it for others, and the disabled stay out.
        let code = accounts.recovery_code(&web, "lan").await.unwrap();
        accounts.set_disabled(&house.manage(), "lan", true).await.unwrap();
        let disabled = accounts.recover("lan", code.code.expose(), secret(new), here()).await;
        assert!(matches!(disabled, Err(AccountError::CodeRefused)));
        house.close().await;
    }
}
