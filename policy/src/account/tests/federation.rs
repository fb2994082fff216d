//! Accounts of the sign-on provider.

use event::AuthStrength;

use super::*;

const ISSUER: &str = "https://sso.example";

fn identity(subject: &str, name: &str, role: Role) -> FederatedIdentity {
    FederatedIdentity {
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        role,
        agency: None,
        two_factors: false,
        authenticated: None,
        session: format!("sid-{subject}"),
    }
}

#[tokio::test]
async fn an_account_is_its_issuer_and_subject() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("lan", Role::Admin).await;
        let taken = accounts.sign_in_federated(&identity("1", "lan", Role::AnalystTier1), here()).await.unwrap();
        let name = taken.session.subject.name.clone();
        assert!(name.as_str().starts_with("lan-"), "`{name}` is not the local account");
        assert_eq!(taken.session.authentication.strength, AuthStrength::Federated);
        assert!(taken.session.federated && accounts.session(taken.token.expose()).await.unwrap() == taken.session);
        let again = accounts.sign_in_federated(&identity("1", "renamed", Role::AnalystTier1), here()).await.unwrap();
        assert_eq!(again.session.subject.name, name, "the provider's name for him decides");
        let other = FederatedIdentity { issuer: "https://other.example".into(), ..identity("1", "x", Role::Dpo) };
        let other = accounts.sign_in_federated(&other, here()).await.unwrap();
        assert_ne!(other.session.subject.name, name);
        assert!(other.session.second_factor_due, "the provider saw one factor");
        let strong = FederatedIdentity { two_factors: true, ..identity("2", "a:b", Role::Dpo) };
        let strong = accounts.sign_in_federated(&strong, here()).await.unwrap();
        assert!(strong.session.subject.name.as_str().starts_with("sso-"), "an unusable name is replaced");
        assert!(!strong.session.second_factor_due);
        assert_eq!(strong.session.authentication.second_factor_at, None, "it is not said when that was");
        let told = FederatedIdentity {
            authenticated: Some(house.clock.now()),
            two_factors: true,
            ..identity("2", "", Role::Dpo)
        };
        let told = accounts.sign_in_federated(&told, here()).await.unwrap();
        assert_eq!(told.session.authentication.second_factor_at, Some(house.clock.now()));
        assert!(matches!(house.accounts.sign_in(name.as_str(), secret(""), here()).await, Err(AccountError::Refused)));
        house.close().await;
    }
}

#[tokio::test]
async fn roles_follow_groups_and_disabled_accounts_stay_out() {
    for house in houses().await {
        let accounts = &house.accounts;
        let first = accounts.sign_in_federated(&identity("1", "minh", Role::SocLead), here()).await.unwrap();
        let lesser = accounts.sign_in_federated(&identity("1", "minh", Role::AnalystTier1), here()).await.unwrap();
        assert_eq!(lesser.session.subject.role, Role::AnalystTier1);
        assert!(accounts.session(first.token.expose()).await.is_err(), "the session with the old role ended");
        assert!(house.notes.actions().contains(&"user_role_changed"));
        for odd in [identity("1", "minh", Role::AgencyOfficer), identity("1", "minh", Role::Machine)] {
            let refused = accounts.sign_in_federated(&odd, here()).await;
            assert!(matches!(refused, Err(AccountError::FederationRefused { .. })), "{refused:?}");
        }
        for odd in [identity("", "minh", Role::Dpo), identity(&"x".repeat(300), "minh", Role::Dpo)] {
            assert!(accounts.sign_in_federated(&odd, here()).await.is_err());
        }
        accounts.set_disabled(&house.manage(), "minh", true).await.unwrap();
        let refused = accounts.sign_in_federated(&identity("1", "minh", Role::AnalystTier1), here()).await;
        assert!(matches!(refused, Err(AccountError::Refused)));
        assert!(house.notes.actions().contains(&"sign_in_refused"));
        house.close().await;
    }
}

#[tokio::test]
async fn the_provider_ends_sessions_of_its_own() {
    for house in houses().await {
        let accounts = &house.accounts;
        house.user("an", Role::Admin).await;
        let local = house.sign_in("an").await.unwrap();
        let sign_in = async |subject: &str| {
            accounts.sign_in_federated(&identity(subject, subject, Role::Auditor), here()).await.unwrap().token
        };
        let (one, two, three) = (sign_in("1").await, sign_in("2").await, sign_in("3").await);
        assert_eq!(accounts.end_federated(ISSUER, None, None).await.unwrap(), 0);
        assert_eq!(accounts.end_federated("https://other.example", Some("1"), None).await.unwrap(), 0);
        assert_eq!(accounts.end_federated(ISSUER, Some("1"), None).await.unwrap(), 1);
        assert_eq!(accounts.end_federated(ISSUER, Some("2"), Some("sid-3")).await.unwrap(), 0, "both must fit");
        assert_eq!(accounts.end_federated(ISSUER, None, Some("sid-2")).await.unwrap(), 1);
        for (token, alive) in [(&one, false), (&two, false), (&three, true), (&local.token, true)] {
            assert_eq!(accounts.session(token.expose()).await.is_ok(), alive);
        }
        house.close().await;
    }
}

#[tokio::test]
async fn a_flow_is_taken_once_by_who_began_it() {
    for house in houses().await {
        let accounts = &house.accounts;
        let flow = accounts.begin_flow().await.unwrap();
        let other = accounts.begin_flow().await.unwrap();
        let cookie = flow.token().expose();
        assert_ne!(flow.state(), flow.nonce());
        assert_eq!(flow.verifier().expose().len(), 64);
        for (cookie, state) in [(cookie.as_str(), other.state()), ("", flow.state()), ("mof_x", flow.state())] {
            assert!(matches!(accounts.take_flow(cookie, &state).await, Err(AccountError::ChallengeEnded)));
        }
        let taken = accounts.take_flow(cookie, &flow.state()).await.unwrap();
        assert_eq!(taken.nonce(), flow.nonce());
        assert!(accounts.take_flow(cookie, &flow.state()).await.is_err(), "replay");
        house.clock.advance(Duration::from_secs(601));
        assert!(accounts.take_flow(other.token().expose(), &other.state()).await.is_err(), "too late");
        house.close().await;
    }
}
