//! The classes of personal data.

use std::fmt;

/// A class of personal data: what a value says about whom. The order is that of `rules/privacy/classes.yml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// A person's name.
    PersonName,
    /// Citizen identity number (CCCD): 12 digits.
    CitizenId,
    /// Old identity card number (CMND): 9 digits.
    OldCitizenId,
    /// Tax code (MST): 10 or 13 digits with a check digit.
    TaxCode,
    /// Mobile or fixed telephone number.
    Phone,
    /// E-mail address.
    Email,
    /// Postal address of a house.
    Address,
    /// Licence plate.
    Plate,
    /// Passport number.
    Passport,
    /// Social insurance number: 10 digits.
    SocialInsurance,
    /// Health insurance card: 15 characters.
    HealthInsurance,
    /// Bank account number.
    BankAccount,
    /// Payment card number, checked by Luhn's formula.
    Card,
    /// Number of a health record or patient.
    HealthRecord,
    /// Land parcel, map sheet or land certificate.
    LandRecord,
    /// Account of a person.
    UserName,
    /// IP address in a network of citizens.
    IpAddress,
    /// MAC address, IMEI or another number of a device.
    DeviceId,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 18] = [
        Self::PersonName,
        Self::CitizenId,
        Self::OldCitizenId,
        Self::TaxCode,
        Self::Phone,
        Self::Email,
        Self::Address,
        Self::Plate,
        Self::Passport,
        Self::SocialInsurance,
        Self::HealthInsurance,
        Self::BankAccount,
        Self::Card,
        Self::HealthRecord,
        Self::LandRecord,
        Self::UserName,
        Self::IpAddress,
        Self::DeviceId,
    ];

    /// As `rules/privacy/` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PersonName => "person_name",
            Self::CitizenId => "citizen_id",
            Self::OldCitizenId => "old_citizen_id",
            Self::TaxCode => "tax_code",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Address => "address",
            Self::Plate => "plate",
            Self::Passport => "passport",
            Self::SocialInsurance => "social_insurance",
            Self::HealthInsurance => "health_insurance",
            Self::BankAccount => "bank_account",
            Self::Card => "card",
            Self::HealthRecord => "health_record",
            Self::LandRecord => "land_record",
            Self::UserName => "user_name",
            Self::IpAddress => "ip_address",
            Self::DeviceId => "device_id",
        }
    }

    /// The class of a name as `rules/privacy/` writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Its place in [`Class::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    pub(super) fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
