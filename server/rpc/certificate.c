#include "server/rpc/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

static void certificate_freep(X509 **certificate)
{
    X509_free(*certificate);
}

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static BIO *open_pem(const struct certificate_file *file)
{
    return BIO_new_mem_buf(file->pem, -1);
}

// The passphrase is empty, as it is for gRPC: nobody is there to be asked for one.
static char no_passphrase[] = "";

static X509 *read_certificate(const struct certificate_file *file)
{
    BIO *bio _cleanup_(bio_freep) = open_pem(file);
    return bio == NULL ? NULL : PEM_read_bio_X509_AUX(bio, NULL, NULL, no_passphrase);
}

static EVP_PKEY *read_key(const struct certificate_file *file)
{
    BIO *bio _cleanup_(bio_freep) = open_pem(file);
    return bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase);
}

static enum err_code check_pair(const struct certificate_file *certificate_file,
                                const struct certificate_file *key_file, struct err *reterr)
{
    X509 *certificate _cleanup_(certificate_freep) = read_certificate(certificate_file);
    EVP_PKEY *key _cleanup_(key_freep) = read_key(key_file);
    if (certificate == NULL)
        return err_invalid(reterr, certificate_file->path, "holds no certificate in PEM form");
    if (key == NULL)
        return err_invalid(reterr, key_file->path, "holds no private key in PEM form");
    if (X509_check_private_key(certificate, key) != 1)
        return err_invalid(reterr, key_file->path, "is not the key of the certificate in %s",
                           certificate_file->path);
    return ERR_OK;
}

static enum err_code check(const struct certificate_file *certificate,
                           const struct certificate_file *key,
                           const struct certificate_file *authorities, struct err *reterr)
{
    if (certificate->pem != NULL)
        try_(check_pair(certificate, key, reterr));
    X509 *authority _cleanup_(certificate_freep) =
        authorities->pem == NULL ? NULL : read_certificate(authorities);
    if (authorities->pem != NULL && authority == NULL)
        return err_invalid(reterr, authorities->path, "holds no certificate in PEM form");
    return ERR_OK;
}

enum err_code certificate_check(const struct certificate_file *certificate,
                                const struct certificate_file *key,
                                const struct certificate_file *authorities, struct err *reterr)
{
    enum err_code code = check(certificate, key, authorities, reterr);
    // What OpenSSL has to say of it must not be taken for the next handshake's.
    ERR_clear_error();
    return code;
}
