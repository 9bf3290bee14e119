/* Stands in for programs of Windows that Wine only has stubs of. Built once and copied under each name:
 *
 *   fc NAME NAME      really compares two files: 0 the same, 1 different, 2 one cannot be read
 *   net ...           goes on to the real one; where C:\stand-ins\refuse.txt names a postgresql.conf with archive_mode on, "net start" fails
 *   anything else     prints what was recorded, C:\stand-ins\NAME-WORD.out (WORD is the letters of the first argument), else NAME.out, and
 *                     exits with 0; with 1 where nothing was recorded
 *
 * Every call is a line in C:\stand-ins\calls.log. */
#include <windows.h>
#include <stdio.h>
#include <string.h>
#include <ctype.h>

static int compare(const char *a, const char *b)
{
    static char one[65536], two[65536];
    FILE *first = fopen(a, "rb"), *second = fopen(b, "rb");
    if (first == NULL || second == NULL) return 2;
    for (;;) {
        size_t n = fread(one, 1, sizeof one, first), m = fread(two, 1, sizeof two, second);
        if (n != m || memcmp(one, two, n) != 0) return 1;
        if (n == 0) return 0;
    }
}

static int archiving_is_on(void)
{
    char name[1024], line[1024];
    FILE *list = fopen("C:\\stand-ins\\refuse.txt", "r"), *conf;
    int on = 0;
    if (list == NULL) return 0;
    if (fgets(name, sizeof name, list) == NULL) name[0] = 0;
    fclose(list);
    name[strcspn(name, "\r\n")] = 0;
    conf = fopen(name, "r");
    while (conf != NULL && fgets(line, sizeof line, conf) != NULL)
        if (strncmp(line, "archive_mode", 12) == 0 && strstr(line, "on") != NULL) on = 1;
    if (conf != NULL) fclose(conf);
    return on;
}

static int go_on(const char *program, const char *rest)
{
    static char line[32768];
    STARTUPINFOA start = { sizeof start };
    PROCESS_INFORMATION process;
    DWORD code = 1;
    snprintf(line, sizeof line, "\"%s\"%s", program, rest);
    if (!CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) return 1;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    return (int) code;
}

int main(int argc, char **argv)
{
    char self[MAX_PATH], file[MAX_PATH], word[64] = "";
    char *name, *rest = GetCommandLineA();
    FILE *log = fopen("C:\\stand-ins\\calls.log", "a"), *recorded;
    int letter, length = 0;

    if (log != NULL) {
        fprintf(log, "%s\n", rest);
        fclose(log);
    }
    GetModuleFileNameA(NULL, self, sizeof self);
    name = strrchr(self, '\\') + 1;
    *strrchr(name, '.') = 0;
    for (letter = 0; name[letter] != 0; letter++) name[letter] = (char) tolower(name[letter]);

    if (strcmp(name, "fc") == 0) return argc == 4 && strcmp(argv[1], "/b") == 0 ? compare(argv[2], argv[3]) : -1;
    if (strcmp(name, "net") == 0) {
        if (argc > 1 && strcmp(argv[1], "start") == 0 && archiving_is_on()) {
            printf("The service could not be started.\r\n\r\nMore help is available by typing NET HELPMSG 3523.\r\n");
            return 2;
        }
        /* What follows the program's own name, as it was. */
        if (*rest == '"') rest = strchr(rest + 1, '"') + 1;
        else rest += strcspn(rest, " ");
        return go_on("C:\\windows\\system32\\net.exe", rest);
    }
    for (letter = 0; argc > 1 && argv[1][letter] != 0 && length < 60; letter++)
        if (isalpha((unsigned char) argv[1][letter])) word[length++] = argv[1][letter];
    word[length] = 0;
    snprintf(file, sizeof file, "C:\\stand-ins\\%s-%s.out", name, word);
    recorded = fopen(file, "rb");
    if (recorded == NULL) {
        snprintf(file, sizeof file, "C:\\stand-ins\\%s.out", name);
        recorded = fopen(file, "rb");
    }
    if (recorded == NULL) return 1;
    while ((letter = fgetc(recorded)) != EOF) putchar(letter);
    return 0;
}
