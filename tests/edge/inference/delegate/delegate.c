/* An external TFLite delegate without hardware, for tests: it takes the operators that edgetpu_compiler leaves behind.
 *
 * Options (key, value):
 *   mode    work      (or no such option) answers with a one-hot output that depends on the input
 *           absent    finds no device and says so;   mute: finds none and says nothing
 *           stuck     never ends looking for one
 *           refuse    does not take the graph
 *           lose      after some inferences the device is gone
 *           crash     after some inferences the process is killed by SIGSEGV
 *           hang      after some inferences one never ends
 *   after   how many inferences go well before that; 0 if not given
 *   device  is taken and ignored
 *
 * The structures are those of TensorFlow Lite's C interface (tensorflow/lite/core/c/common.h) on 64-bit machines, as far
 * as they are used here; they have not changed from version 2.5 to LiteRT 2.3.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { OK = 0, FAILED = 1 } Status;

typedef struct {
    int size;
    int data[];
} IntArray;

typedef struct {
    int type;
    int8_t *data;
    IntArray *dims;
    struct {
        float scale;
        int32_t zero_point;
    } params;
    int allocation;
    size_t bytes;
    const void *file;
    const char *name;
    void *delegate;
    int handle;
    uint8_t stale, variable;
    struct {
        int type;
        void *params;
    } quantization;
    void *sparsity, *signature;
} Tensor;

typedef struct {
    IntArray *inputs, *outputs, *intermediates, *temporaries;
    void *user_data, *builtin_data;
    const void *custom_data;
    int custom_size;
    void *delegate;
} Node;

typedef struct Context Context;
typedef struct Delegate Delegate;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    Status (*prepare)(Context *, Node *);
    Status (*invoke)(Context *, Node *);
    const char *(*profiling)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *later[6]; /* fields that newer versions append; passed by value, so there has to be room for them */
} Registration;

struct Context {
    size_t tensor_count;
    Status (*execution_plan)(Context *, IntArray **);
    Tensor *tensors;
    void *implementation;
    Status (*resize)(Context *, Tensor *, IntArray *);
    void (*report)(Context *, const char *, ...);
    Status (*add_tensors)(Context *, int, int *);
    Status (*node)(Context *, int, Node **, Registration **);
    Status (*replace)(Context *, Registration, const IntArray *, Delegate *);
};

struct Delegate {
    void *data;
    Status (*prepare)(Context *, Delegate *);
    void *copy_from, *copy_to, *free_buffer;
    int64_t flags;
    void *builder;
};

static struct {
    char mode[16];
    int after, done;
} device;

static int is(const char *mode) { return strcmp(device.mode, mode) == 0; }

static void *kernel_init(Context *context, const char *buffer, size_t length) {
    (void)context, (void)buffer, (void)length;
    return &device;
}

static void kernel_free(Context *context, void *data) { (void)context, (void)data; }

static Status kernel_prepare(Context *context, Node *node) {
    (void)context, (void)node;
    return OK;
}

static Status kernel_invoke(Context *context, Node *node) {
    if (device.done++ >= device.after) {
        if (is("crash")) raise(SIGSEGV);
        while (is("hang")) pause();
        if (is("lose")) {
            context->report(context, "test delegate: the device does not answer");
            return FAILED;
        }
    }
    Tensor *input = &context->tensors[node->inputs->data[0]], *output = &context->tensors[node->outputs->data[0]];
    unsigned sum = 0;
    for (size_t i = 0; i < input->bytes; i++) sum += (uint8_t)input->data[i];
    memset(output->data, INT8_MIN, output->bytes);
    output->data[sum % output->bytes] = INT8_MAX;
    return OK;
}

static Status take_graph(Context *context, Delegate *delegate) {
    IntArray *plan;
    if (is("refuse") || context->execution_plan(context, &plan) != OK) return FAILED;
    IntArray *taken = malloc(sizeof *taken + plan->size * sizeof *taken->data);
    int size = plan->size, *nodes = malloc(size * sizeof *nodes);
    memcpy(nodes, plan->data, size * sizeof *nodes);
    taken->size = 0;
    for (int i = 0; i < size; i++) {
        Node *node;
        Registration *registration;
        if (context->node(context, nodes[i], &node, &registration) != OK) return FAILED;
        const char *name = registration->custom_name;
        if (name && strcmp(name, "edgetpu-custom-op") == 0) taken->data[taken->size++] = nodes[i];
    }
    Registration kernel = {
        .init = kernel_init, .free = kernel_free, .prepare = kernel_prepare, .invoke = kernel_invoke,
        .custom_name = "TestDelegate", .version = 1};
    Status status = taken->size ? context->replace(context, kernel, taken, delegate) : OK;
    free(taken);
    free(nodes);
    return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    memset(&device, 0, sizeof device);
    strcpy(device.mode, "work");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], "mode") == 0) {
            snprintf(device.mode, sizeof device.mode, "%s", values[i]);
        } else if (strcmp(keys[i], "after") == 0) {
            device.after = atoi(values[i]);
        } else if (strcmp(keys[i], "device") != 0) {
            report("test delegate: unknown option");
            return NULL;
        }
    }
    if (is("absent")) report("test delegate: no device");
    if (is("absent") || is("mute")) return NULL;
    while (is("stuck")) pause();
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->prepare = take_graph;
    delegate->flags = 1; /* dynamic tensors are allowed: the graph is not looked at before it is taken */
    return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
