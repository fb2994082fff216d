//! Clouds, identity providers, virus scanners and decoys: a record of each, decoded as the service decodes it, reaches the
//! rules that are written for its log source, ours and the public ones.

use std::sync::Arc;

use collector::{Pipeline, PipelineSettings, Record};
use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use tests::shared;

fn decode(text: &str) -> Event {
    let origin = Origin {
        site: SiteId::local(),
        agency: None,
        known_by: KnownBy::Operator,
        source: SourceId::new("import:log-sources").unwrap(),
        transport: Transport::Import,
        peer: None,
    };
    let received = Timestamp::parse_rfc3339("2026-11-03T00:30:00Z").unwrap();
    let record = Record::new(Arc::new(origin), received, text.as_bytes().to_vec());
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).event(EventId(1), &record, &mut event);
    event
}

/// A log source, a detection for it, a public rule's path, and a record that both must match.
struct Row {
    logsource: &'static str,
    detection: &'static str,
    public: &'static str,
    text: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        logsource: "{product: gcp, service: gcp.audit}",
        detection: "{gcp.audit.method_name|endswith: DeleteServicePerimeter}",
        public: "cloud/gcp/audit/gcp_vpn_tunnel_modified_or_deleted.yml",
        text: r#"{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-03T00:00:00Z","protoPayload":{"serviceName":"x.googleapis.com","methodName":"METHOD"}}"#,
    },
    Row {
        logsource: "{product: gcp, service: google_workspace.admin}",
        detection: "{eventService: admin.googleapis.com, eventName: CHANGE_APPLICATION_SETTING, setting_name|startswith: ContextAware}",
        public: "cloud/gcp/gworkspace/admin/gcp_gworkspace_application_access_levels_modified.yml",
        text: r#"{"kind":"admin#reports#activity","id":{"time":"2026-11-03T00:00:03Z","applicationName":"admin"},"actor":{"email":"lan@hcm.example"},"events":[{"name":"CHANGE_APPLICATION_SETTING","parameters":[{"name":"SETTING_NAME","value":"ContextAwareAccess"}]}]}"#,
    },
    Row {
        logsource: "{product: gcp, service: google_workspace.admin}",
        detection: "{eventName: REMOVE_APPLICATION}",
        public: "cloud/gcp/gworkspace/admin/gcp_gworkspace_application_removed.yml",
        text: r#"{"logName":"organizations/1/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-03T00:00:00Z","protoPayload":{"serviceName":"admin.googleapis.com","methodName":"google.admin.AdminService.removeApplication","metadata":{"event":[{"eventName":"REMOVE_APPLICATION"}]}}}"#,
    },
    Row {
        logsource: "{product: gcp, service: google_workspace.login}",
        detection: "{protoPayload.metadata.event.eventName: gov_attack_warning}",
        public: "cloud/gcp/gworkspace/login/gcp_gworkspace_govattack.yml",
        text: r#"{"logName":"organizations/1/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-11-03T00:00:02Z","protoPayload":{"serviceName":"login.googleapis.com","methodName":"google.login.LoginService.govAttackWarning","metadata":{"event":[{"eventName":"gov_attack_warning"}]}}}"#,
    },
    Row {
        logsource: "{product: m365, service: audit}",
        detection: "{Operation|contains: 'Disable Strong Authentication.'}",
        public: "cloud/m365/audit/microsoft365_disabling_mfa.yml",
        text: r#"{"CreationTime":"2026-11-03T00:00:04","Id":"1","Operation":"Disable Strong Authentication.","RecordType":8,"ResultStatus":"Success","Workload":"AzureActiveDirectory","UserId":"lan@hcm.example"}"#,
    },
    Row {
        logsource: "{product: m365, service: exchange}",
        detection: "{eventSource: Exchange, eventName: Add-FederatedDomain, status: success}",
        public: "cloud/m365/exchange/microsoft365_new_federated_domain_added_exchange.yml",
        text: r#"{"CreationTime":"2026-11-03T00:00:04","Id":"1","Operation":"Add-FederatedDomain","RecordType":1,"ResultStatus":"True","Workload":"Exchange","UserId":"lan@hcm.example"}"#,
    },
    Row {
        logsource: "{product: m365, service: threat_management}",
        detection: "{eventSource: SecurityComplianceCenter, eventName: Potential ransomware activity, status: success}",
        public: "cloud/m365/threat_management/microsoft365_potential_ransomware_activity.yml",
        text: r#"{"CreationTime":"2026-11-03T00:00:05","Id":"2","Operation":"AlertTriggered","RecordType":40,"ResultStatus":"Success","Workload":"SecurityComplianceCenter","Name":"Potential ransomware activity","Source":"Office 365 Security & Compliance","Status":"Active"}"#,
    },
    Row {
        logsource: "{product: m365, service: threat_detection}",
        detection: "{eventName: Activity from suspicious IP addresses}",
        public: "cloud/m365/threat_detection/microsoft365_from_susp_ip_addresses.yml",
        text: r#"{"CreationTime":"2026-11-03T00:00:05","Id":"2","Operation":"AlertTriggered","RecordType":40,"ResultStatus":"Success","Workload":"SecurityComplianceCenter","Name":"Activity from suspicious IP addresses"}"#,
    },
    Row {
        logsource: "{product: okta, service: okta}",
        detection: "{eventType: user.account.lock, client.ipAddress|cidr: '2001:db8::/32'}",
        public: "identity/okta/okta_user_account_locked_out.yml",
        text: r#"{"uuid":"u","published":"2026-11-03T00:00:06.123Z","eventType":"user.account.lock","displayMessage":"Max sign in attempts exceeded","actor":{"id":"1","type":"User","alternateId":"lan@hcm.example"},"client":{"ipAddress":"2001:db8::7"},"outcome":{"result":"FAILURE","reason":"LOCKED_OUT"}}"#,
    },
    Row {
        logsource: "{product: cisco, service: duo}",
        detection: "{event_type: authentication, reason: bypass_user}",
        public: "identity/cisco_duo/cisco_duo_mfa_bypass_via_bypass_code.yml",
        text: r#"{"txid":"t","timestamp":1793664007,"event_type":"authentication","result":"success","reason":"bypass_user","user":{"name":"lan"},"application":{"name":"VPN"},"access_device":{"ip":"203.0.113.9"}}"#,
    },
    Row {
        logsource: "{category: antivirus}",
        detection: "{Signature|contains: Mimikatz, Filename|startswith: /srv/}",
        public: "category/antivirus/av_password_dumper.yml",
        text: "<22>Nov  3 07:00:09 fs-1 clamd[812]: /srv/chung/kiwi.exe: Win.Tool.Mimikatz-1 FOUND",
    },
    Row {
        logsource: "{category: application, product: opencanary}",
        detection: "{logtype: 4002, src_host: 10.4.5.6}",
        public: "application/opencanary/opencanary_ssh_login_attempt.yml",
        text: r#"{"dst_host":"10.1.0.9","dst_port":22,"local_time":"2026-11-03 07:00:08.1","logdata":{"USERNAME":"root"},"logtype":4002,"node_id":"decoy-1","src_host":"10.4.5.6","src_port":40000,"utc_time":"2026-11-03 00:00:08.1"}"#,
    },
];

fn matches(rules: &[RuleSource], event: &Event, what: &str) {
    let set = RuleSet::load(rules, &FieldMap::embedded().unwrap());
    assert!(set.rejected().is_empty(), "{what}: {:?}", set.rejected());
    let found = set.evaluate(event, &mut Scratch::default());
    assert_eq!(found.len(), 1, "{what} on {event:?}");
}

#[test]
fn each_log_source_reaches_its_rules() {
    for row in ROWS {
        let event = decode(&row.text.replace("METHOD", "google.DeleteServicePerimeter"));
        let yaml = format!(
            "title: t\nid: 5c6bd62e-0b0b-4a5e-9b7e-7a1b0f1f2a11\nlogsource: {}\ndetection: {{s: {}, condition: s}}\nlevel: low\n",
            row.logsource, row.detection
        );
        let source = RuleSource::Text { path: "own.yml".to_owned(), yaml };
        matches(&[source], &event, row.logsource);
    }
}

#[test]
fn each_log_source_reaches_a_public_rule() {
    let Some(folder) = shared("sigma-rules/rules") else { return };
    for row in ROWS {
        let path = folder.join(row.public);
        let Ok(yaml) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: `{}` is absent", path.display());
            continue;
        };
        let text = row.text.replace("METHOD", "compute.vpnTunnels.delete");
        let source = RuleSource::Text { path: row.public.to_owned(), yaml };
        matches(&[source], &decode(&text), row.public);
    }
}
