// Preloaded into h2load, which has no option for it: gives every TLS context the client certificate
// that BENCH_CERTIFICATE and BENCH_KEY name.
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    SSL_CTX *(*real)(const SSL_METHOD *) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_CTX_new");
    SSL_CTX *context = real(method);
    const char *certificate = getenv("BENCH_CERTIFICATE"), *key = getenv("BENCH_KEY");
    if (context == NULL || certificate == NULL || key == NULL ||
        SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "no client certificate\n");
        exit(1);
    }
    return context;
}
