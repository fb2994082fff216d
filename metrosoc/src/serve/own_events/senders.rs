//! Senders that no site has: each is told of once, when it first sends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use collector::sites::Sites;
use event::{Act, Acts, SourceId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How often the counts are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Senders that are told of one by one in that time; datagrams can claim any address.
const EACH_MAX: usize = 20;

/// Watches until `cancel` is cancelled. Who is in the register's counts already when it begins is not told of again.
pub async fn watch(sites: Arc<Sites>, acts: Arc<dyn Acts>, cancel: CancellationToken) {
    let mut known: HashSet<SourceId> = sites.unknown_senders().into_iter().map(|sender| sender.id).collect();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return,
        }
        look(&sites, &*acts, &mut known);
    }
}

fn look(sites: &Sites, acts: &dyn Acts, known: &mut HashSet<SourceId>) {
    let mut beyond = 0_u64;
    let mut told = 0;
    for sender in sites.unknown_senders() {
        if !known.insert(sender.id.clone()) {
            continue;
        }
        told += 1;
        if told > EACH_MAX {
            beyond += 1;
            continue;
        }
        let detail = json!({
            "address": sender.peer, "transport": sender.transport, "source": sender.id,
            "records": sender.records, "refused": sender.refused, "count": 1,
        });
        let object = format!("source:{}", sender.id);
        acts.happened(Act { actor: "metrosoc".to_owned(), action: "unknown_sender", object, detail });
    }
    if beyond > 0 {
        let (object, detail) = ("sources".to_owned(), json!({ "count": beyond }));
        acts.happened(Act { actor: "metrosoc".to_owned(), action: "unknown_sender", object, detail });
    }
}
