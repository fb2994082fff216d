//! The register and the counts in SQL.

use event::{Agency, AgencyId, KnownBy, Site, SiteId, SourceId, Timestamp};
use ipnet::IpNet;
use sqlx::Row;
use sqlx::any::AnyRow;
use store::Store;

use super::traffic::{Change, SourceSeen};
use crate::SitesError;

fn sql(doing: &'static str) -> impl Fn(sqlx::Error) -> SitesError {
    move |source| SitesError::Sql { doing, source }
}

fn storing(doing: &'static str) -> impl Fn(store::StoreError) -> SitesError {
    move |source| SitesError::Store { doing, source }
}

/// Everything that is registered.
pub(super) async fn read(store: &Store) -> Result<(Vec<Site>, Vec<Agency>), SitesError> {
    let sites = sqlx::query(
        "SELECT id, name, agency, data_center, addresses, latitude_deg, longitude_deg, ward_code FROM collector_site",
    )
    .fetch_all(store.pool())
    .await
    .map_err(sql("reading the sites"))?;
    let agencies = sqlx::query("SELECT id, name FROM collector_agency")
        .fetch_all(store.pool())
        .await
        .map_err(sql("reading the agencies"))?;
    Ok((sites.iter().map(site).collect::<Result<_, _>>()?, agencies.iter().map(agency).collect::<Result<_, _>>()?))
}

fn site(row: &AnyRow) -> Result<Site, SitesError> {
    let text = |column| row.try_get::<String, _>(column).map_err(sql("reading the sites"));
    let number = |column| row.try_get::<Option<f64>, _>(column).map_err(sql("reading the sites"));
    let id = text("id")?;
    let fault = |reason: String| SitesError::Row { id: id.clone(), reason };
    let networks = |text: &str| text.split_whitespace().map(str::parse::<IpNet>).collect::<Result<Vec<_>, _>>();
    Ok(Site {
        id: SiteId::new(&id).map_err(|error| fault(error.to_string()))?,
        name: text("name")?,
        agency: AgencyId::new(text("agency")?).map_err(|error| fault(error.to_string()))?,
        data_center: text("data_center")?,
        addresses: networks(&text("addresses")?).map_err(|error| fault(error.to_string()))?,
        latitude_deg: number("latitude_deg")?,
        longitude_deg: number("longitude_deg")?,
        ward_code: row.try_get("ward_code").map_err(sql("reading the sites"))?,
    })
}

fn agency(row: &AnyRow) -> Result<Agency, SitesError> {
    let text = |column| row.try_get::<String, _>(column).map_err(sql("reading the agencies"));
    let id = text("id")?;
    let checked = AgencyId::new(&id).map_err(|error| SitesError::Row { id, reason: error.to_string() })?;
    Ok(Agency { id: checked, name: text("name")? })
}

/// Adds or replaces sites, and adds their agencies.
pub(super) async fn write_sites(store: &Store, sites: &[&Site], now: Timestamp) -> Result<(), SitesError> {
    let doing = "writing the sites";
    let mut tx = store.begin().await.map_err(storing(doing))?;
    for site in sites {
        sqlx::query("INSERT INTO collector_agency (id, name) VALUES ($1, $1) ON CONFLICT (id) DO NOTHING")
            .bind(site.agency.as_str())
            .execute(&mut *tx)
            .await
            .map_err(sql(doing))?;
        let addresses: Vec<String> = site.addresses.iter().map(IpNet::to_string).collect();
        sqlx::query(
            "INSERT INTO collector_site \
             (id, name, agency, data_center, addresses, latitude_deg, longitude_deg, ward_code, updated_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
             agency = excluded.agency, data_center = excluded.data_center, addresses = excluded.addresses, \
             latitude_deg = excluded.latitude_deg, longitude_deg = excluded.longitude_deg, \
             ward_code = excluded.ward_code, updated_ms = excluded.updated_ms",
        )
        .bind(site.id.as_str())
        .bind(&site.name)
        .bind(site.agency.as_str())
        .bind(&site.data_center)
        .bind(addresses.join(" "))
        .bind(site.latitude_deg)
        .bind(site.longitude_deg)
        .bind(site.ward_code.clone())
        .bind(now.millis())
        .execute(&mut *tx)
        .await
        .map_err(sql(doing))?;
    }
    tx.commit().await.map_err(storing(doing))
}

/// Adds or renames agencies.
pub(super) async fn write_agencies(store: &Store, agencies: &[Agency]) -> Result<(), SitesError> {
    let doing = "writing the agencies";
    let mut tx = store.begin().await.map_err(storing(doing))?;
    for agency in agencies {
        sqlx::query(
            "INSERT INTO collector_agency (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        )
        .bind(agency.id.as_str())
        .bind(&agency.name)
        .execute(&mut *tx)
        .await
        .map_err(sql(doing))?;
    }
    tx.commit().await.map_err(storing(doing))
}

/// Removes a site; whether it was there.
pub(super) async fn remove_site(store: &Store, id: &SiteId) -> Result<bool, SitesError> {
    let doing = "removing a site";
    let mut tx = store.begin().await.map_err(storing(doing))?;
    let done = sqlx::query("DELETE FROM collector_site WHERE id = $1")
        .bind(id.as_str())
        .execute(&mut *tx)
        .await
        .map_err(sql(doing))?;
    tx.commit().await.map_err(storing(doing))?;
    Ok(done.rows_affected() > 0)
}

/// What every source had sent when it was flushed last.
pub(super) async fn read_sources(store: &Store) -> Result<Vec<SourceSeen>, SitesError> {
    let rows = sqlx::query(
        "SELECT id, site, known_by, transport, peer, first_seen_ms, last_seen_ms, records, bytes, dropped, refused \
         FROM collector_source ORDER BY last_seen_ms DESC LIMIT 20000",
    )
    .fetch_all(store.pool())
    .await
    .map_err(sql("reading the sources"))?;
    rows.iter().map(source).collect()
}

fn source(row: &AnyRow) -> Result<SourceSeen, SitesError> {
    let text = |column| row.try_get::<String, _>(column).map_err(sql("reading the sources"));
    let number = |column| row.try_get::<i64, _>(column).map_err(sql("reading the sources"));
    let count = |column| number(column).map(|number| u64::try_from(number).unwrap_or(0));
    let id = text("id")?;
    let fault = |reason: String| SitesError::Row { id: id.clone(), reason };
    let known_by = text("known_by")?;
    let known = [KnownBy::Certificate, KnownBy::Token, KnownBy::Address, KnownBy::Operator];
    Ok(SourceSeen {
        id: SourceId::new(&id).map_err(|error| fault(error.to_string()))?,
        site: SiteId::new(text("site")?).map_err(|error| fault(error.to_string()))?,
        known_by: known.into_iter().find(|known| known.as_str() == known_by).unwrap_or(KnownBy::Unknown),
        transport: text("transport")?,
        peer: text("peer")?.parse().ok(),
        first_seen: Timestamp::from_millis(number("first_seen_ms")?),
        last_seen: Timestamp::from_millis(number("last_seen_ms")?),
        records: count("records")?,
        bytes: count("bytes")?,
        dropped: count("dropped")?,
        refused: count("refused")?,
    })
}

/// Adds what has changed since the last time.
pub(super) async fn write_sources(store: &Store, changes: &[Change]) -> Result<(), SitesError> {
    let doing = "writing the counts of sources";
    let bounded = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut tx = store.begin().await.map_err(storing(doing))?;
    for Change { seen, .. } in changes {
        sqlx::query(
            "INSERT INTO collector_source \
             (id, site, known_by, transport, peer, first_seen_ms, last_seen_ms, records, bytes, dropped, refused) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET \
             site = excluded.site, known_by = excluded.known_by, peer = excluded.peer, \
             last_seen_ms = excluded.last_seen_ms, records = collector_source.records + excluded.records, \
             bytes = collector_source.bytes + excluded.bytes, dropped = collector_source.dropped + excluded.dropped, \
             refused = collector_source.refused + excluded.refused",
        )
        .bind(seen.id.as_str())
        .bind(seen.site.as_str())
        .bind(seen.known_by.as_str())
        .bind(&seen.transport)
        .bind(seen.peer.map(|peer| peer.to_string()).unwrap_or_default())
        .bind(seen.first_seen.millis())
        .bind(seen.last_seen.millis())
        .bind(bounded(seen.records))
        .bind(bounded(seen.bytes))
        .bind(bounded(seen.dropped))
        .bind(bounded(seen.refused))
        .execute(&mut *tx)
        .await
        .map_err(sql(doing))?;
    }
    tx.commit().await.map_err(storing(doing))
}
