// What is found in commands and configurations, and what is left alone beside it.
#include "server/base/cleanup.h"
#include "tests/unit/base/masked_row.h"

static const struct masked_row rows[] = {
    {"curl -u joe:geheim https://x/", "curl -u joe:**** https://x/"},
    {"curl -X GET --user \"joe:two words\" x", "curl -X GET --user \"joe:****\" x"},
    {"curl -k \\\n  -ujoe:hunter22", "curl -k \\\n  -ujoe:****"},
    {"curl -u \"$USER:$PASS\" x", NULL},
    {"curl -u joe x:hunter22", NULL},
    {"curl --user-agent a:hunter22", NULL},
    {"curl x\n-u joe:hunter22", NULL},
    {"python -u joe:hunter22", NULL},
    {"sshpass -p geheim ssh joe@srv", "sshpass -p **** ssh joe@srv"},
    {"sshpass -p'geheim' x", "sshpass -p'****' x"},
    {"sshpass -p hunter22", "sshpass -p ****"},
    {"sshpass -p option of it", NULL},
    {"sshpass -p \"$PW\" ssh joe@srv", NULL},
    {"NET  USER joe geheim /add", "NET  USER joe **** /add"},
    {"net user \"Joe B\" hunter22", "net user \"Joe B\" ****"},
    {"net user joe /add hunter22", NULL},
    {"net user joe * /add", NULL},
    {"net user joe <the password> /add", NULL},
    {"The net user base grew / fell", NULL},
    {"net user guide of 2024", NULL},
    {"ikev1 pre-shared-key hunter22\n", "ikev1 pre-shared-key ****\n"},
    {"pre-shared-key ascii-text \"hunter22\"", "pre-shared-key ascii-text \"****\""},
    {"pre-shared-key of 2024 is in use", NULL},
    {"pre-shared-key authentication", NULL},
    {"    set psksecret hunter22\nnext", "    set psksecret ****\nnext"},
    {"set psksecret ENC ab+1/cd==", "set psksecret ENC ****"},
    {"Set password length 12345678 or", NULL},
    {"Set password policy", NULL},
    {"crypto isakmp key geheim address 10.0.0.1", "crypto isakmp key **** address 10.0.0.1"},
    {"crypto isakmp key 6 hunter22", "crypto isakmp key 6 ****"},
    {"crypto isakmp key length is 2048", NULL},
    {"WLAN-SCHL\xC3\x9CSSEL: geheim", "WLAN-SCHL\xC3\x9CSSEL: ****"},
    {"NETZWERKSCHL\xC3\x9CSSEL: geheim", "NETZWERKSCHL\xC3\x9CSSEL: ****"},
    {"SCHRAUBENSCHL\xC3\x9CSSEL: geheim", NULL},
    {"rootpw: geheim", "rootpw: ****"},
    {"dbpass=hunter22", "dbpass=****"},
    {"DBPASS: hunter22", "DBPASS: ****"},
    {"compass: north22", NULL},
    {"bypass: rule22", NULL},
    {"userpass1: hunter22", NULL},
    {"max_token: 4096", NULL},
    {"maxToken: 4096", NULL},
    {"climax token: hunter22", "climax token: ****"},
    {"Enter the password:\nStep-2:\nx", NULL},
    {"Enter the password:\nStep2\nx", NULL},
    {"Passwort eingeben:\nSchritt2", NULL},
    {"Enter the password:\n192.168.1.10", NULL},
    {"Enter the password:\n192.168.1.10/24\nx", NULL},
    {"Enter the password:\n192.168.1.1000", "Enter the password:\n****"},
    {"Enter the password:\n1.2.3.4x", "Enter the password:\n****"},
    {"Password: 192.168.1.10", "Password: ****"},
    // In other languages.
    {"Mot de passe : hunter22", "Mot de passe : ****"},
    {"Mots de passe: geheim", "Mots de passe: ****"},
    {"Le mot de passe est hunter22.", "Le mot de passe est ****."},
    {"Mot de passe de srv01: geheim", "Mot de passe de srv01: ****"},
    {"MDP = geheim", "MDP = ****"},
    {"Contrase\xC3\xB1"
     "a: geheim",
     "Contrase\xC3\xB1"
     "a: ****"},
    {"CONTRASE\xC3\x91"
     "A\tgeheim",
     "CONTRASE\xC3\x91"
     "A\t****"},
    {"La contrasena es hunter22", "La contrasena es ****"},
    {"Wachtwoord: geheim", "Wachtwoord: ****"},
    {"Het wachtwoord is hunter22", "Het wachtwoord is ****"},
    {"Beheerderswachtwoord: geheim", "Beheerderswachtwoord: ****"},
    {"x --wachtwoord hunter22", "x --wachtwoord ****"},
    {"Parola: geheim", "Parola: ****"},
    {"Password per utente: geheim", "Password per utente: ****"},
    {"Senha para o wifi: geheim", "Senha para o wifi: ****"},
    {"A senha \xC3\xA9 hunter22", "A senha \xC3\xA9 ****"},
    {"Palavra-passe: geheim", "Palavra-passe: ****"},
    {"Passord: geheim", "Passord: ****"},
    {"Adgangskode: geheim", "Adgangskode: ****"},
    {"Mot de passe oubli\xC3\xA9 : cliquez ici", NULL},
    {"Le mot de passe est dans le coffre", NULL},
    {"Mot de passe: voir le coffre", NULL},
    {"Mot de passe: aucun", NULL},
    {"La contrase\xC3\xB1"
     "a es obligatoria",
     NULL},
    {"Wachtwoord wijzigen: zie boven", NULL},
    {"Wachtwoord: onbekend", NULL},
    {"\x1Fzie de kluis\x1E", NULL},
    {"Parola chiave: rete", NULL},
    {"A senha \xC3\xA9 secreta", NULL},
    {"Motor de passe: geheim", NULL},
    {"the secret is out22", NULL},
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
