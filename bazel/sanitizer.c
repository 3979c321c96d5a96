// What sanitizers must let pass because it is not ours. Inside of every program, so that it holds
// whoever starts it, with whatever environment. Nothing in a build without sanitizers.

#if defined(__SANITIZE_ADDRESS__)
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    // c-ares 1.18.1, below gRPC, loses ten bytes when it looks up "localhost" for IPv6.
    return "leak:libcares.so\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#endif

#if defined(__SANITIZE_THREAD__)
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    // Debian's libraries are not instrumented, so all their locks go unseen.
    return "ignore_noninstrumented_modules=1";
}
#endif
