// What is found on lines below its label, and in groups, and what is left alone there.
#include "server/base/cleanup.h"
#include "tests/unit/base/masked_row.h"

static const struct masked_row rows[] = {
    // Headings without a colon.
    {"WiFi Password\nhunter22", "WiFi Password\n****"},
    {"WiFi Password\n\nHunter22\nmore", "WiFi Password\n\n****\nmore"},
    {"Adminpasswort \r\n Geheim22 \r\nx", "Adminpasswort \r\n **** \r\nx"},
    {"Mot de passe\nGeheim22", "Mot de passe\n****"},
    {"1. Admin password\nP@ssword", "1. Admin password\n****"},
    {"Password\n\n\nHunter22", NULL},
    {"Admin pass\nHunter22", "Admin pass\n****"},
    {"Passwords\nOffice365", NULL},
    {"Credentials\nSRV-DC01", NULL},
    {"Passwort\r\nx", NULL},
    {"Password", NULL},
    {"Password\n", NULL},
    {"Password\n\n", NULL},
    {"Password\nsesame", NULL},
    {"Password\nabc12", NULL},
    {"Password policy\nMin12chars", NULL},
    {"Password reset procedure\nStep1", NULL},
    {"Password manager\nBitwarden2", NULL},
    {"Change the password\nOutlook2019", NULL},
    {"Reset password\nOffice365", NULL},
    {"Enter your password\nServer01", NULL},
    {"If it asks: password\nServer01", NULL},
    {"A rather long sentence that ends with password\nServer01", NULL},
    {"User\tPassword\njoe22222", NULL},
    {"Password\nsee the vault", NULL},
    {"Password\nNotes1 are here", NULL},
    {"Password\n10.1.2.30", NULL},
    {"Password\njoe@acme.com", NULL},
    {"Password\n2024-01-05", NULL},
    {"Password\nv2.1.10", NULL},
    {"Password\n\\\\srv01\\share1", NULL},
    {"Password\n/etc/shadow1", NULL},
    {"Password\nhttps://vault/x1", NULL},
    {"Password\nAdmin12:", NULL},
    {"Password\n${VAULT_PASSWORD1}", NULL},
    {"Password\nSchritt2", NULL},
    // Blocks of YAML.
    {"password: |\n  hunter22\nuser: x", "password: |\n  ****\nuser: x"},
    {"  password: >-\n    correct horse\n    battery\n  user: x",
     "  password: >-\n    ****\n  user: x"},
    {"db:\n  password: |2-\n    geheim\n\n  user: joe",
     "db:\n  password: |2-\n    ****\n\n  user: joe"},
    {"password: |\r\n  hunter22\r\n", "password: |\r\n  ****\r\n"},
    {"password: |\nhunter22", NULL},
    {"  password: |\n  hunter22", NULL},
    {"password: |\n  {{ vault_password }}", NULL},
    {"password: >\n  see the vault", NULL},
    {"password: > 5", NULL},
    {"password: |", NULL},
    // Seeds.
    {"TOTP secret: JBSW Y3DP EHPK 3PXP", "TOTP secret: ****"},
    {"TOTP secret: jbsw y3dp ehpk 3pxp and", "TOTP secret: **** and"},
    {"Secret key:\nJBSW Y3DP EHPK 3PXP\nx", "Secret key:\n****\nx"},
    {"Secret key: JBSW-Y3DP-EHPK-3PXP-AB234", "Secret key: ****"},
    {"2FA key: JBSWY3DPEHPK3PXP", "2FA key: ****"},
    {"MFA seed = JBSWY3DPEHPK3PXP", "MFA seed = ****"},
    {"Authenticator key\tJBSWY3DPEHPK3PXP", "Authenticator key\t****"},
    {"otpauth://totp/Acme:joe?secret=JBSWY3DPEHPK3PXP&issuer=Acme",
     "otpauth://totp/Acme:joe?secret=****"},
    {"Seed: tomato22", NULL},
    {"Password: must have four char", NULL},
    // Lists of codes.
    {"Backup codes:\n1234 5678\n8765 4321\nNotes are here", "Backup codes:\n****\nNotes are here"},
    {"Recovery codes\n1. a1b2c-d3e4f\n2. abcde-12345\n\nEnd", "Recovery codes\n1. ****\n\nEnd"},
    {"Backup codes: 12345678, 23456789", "Backup codes: ****"},
    {"Backup codes: 12345678,23456789;34567890,", "Backup codes: ****,"},
    {"Backup codes (Google): 12345678 23456789 kept", "Backup codes (Google): **** kept"},
    {"Recovery code: abcd1234efgh", "Recovery code: ****"},
    {"Backup code\tabcd1234\tx", "Backup code\t****\tx"},
    {"Backup codes:\n\nabcd1234", "Backup codes:\n\n****"},
    {"Wiederherstellungscodes:\nabcd1234", "Wiederherstellungscodes:\n****"},
    {"Backup codes: see page 2024", NULL},
    {"Backup codes: see KB1234", NULL},
    {"Backup codes\nSW 1001\nSW 1002", NULL},
    {"Backup codes\na) 12345678\n- 23456789", "Backup codes\na) ****"},
    {"Backup codes: 10 left", NULL},
    {"Backup codes are kept in the vault", NULL},
    {"Backup codes for joe22222", NULL},
    {"Recovery codes\nNone of 10 left", NULL},
    {"Recovery codes\n12345678 users have some", NULL},
    {"Recovery codes\n2024-01-05", NULL},
    {"Recovery codes\n\n", NULL},
    {"Backup codes (", NULL},
};

static void finds_and_leaves_alone(void **state)
{
    (void)state;
    assert_masked(rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_and_leaves_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
