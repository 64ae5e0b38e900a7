"""The study's trainings once more with other code, many side by side: in JAX, minutes on one GPU.

    python tools/starts_for_jax.py start STARTS vae-mnist-seed1 …    first weights, seeds, orders of images
    python train_in_jax.py STARTS DONE                               on the GPU: needs JAX and NumPy alone
    python tools/starts_for_jax.py finish STARTS DONE                into runs/, measured as any training

Each training has the first weights, batches and noise that ``vae_helpers.train`` has for its name, so only
rounding tells the two apart. Networks, losses, random numbers and Adam are written anew. For the
published layers, and the losses of ``VAE``, ``MMDVAE`` and ``InfoVAE``.
"""

import functools
import json
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

BATCH = 100
SIDE_BY_SIDE = 14  # models in one computation; memory and patience decide
KEPT_CODES = (0, 1, 10, 20, 30, 40, 50)  # after these epochs, and the last
KEPT_WEIGHTS = (1, 10)
LOG_2PI = float(np.log(2 * np.pi))
WHOLE = ("seed", "draws", "noise_at", "prior_at")  # of a model's settings; the others are floats

# ---- random numbers as TensorFlow's stateless_normal draws them ------------------------------------


def product(a, b):
    """High and low half of products of uint32, without 64-bit numbers."""
    a0, a1, b0, b1 = a & 0xFFFF, a >> 16, b & 0xFFFF, b >> 16
    middle = (a0 * b0 >> 16) + (a0 * b1 & 0xFFFF) + (a1 * b0 & 0xFFFF)
    return a1 * b1 + (a0 * b1 >> 16) + (a1 * b0 >> 16) + (middle >> 16), a * b


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): four arrays of uint32 from four, under a key of two."""
    m0, m1, w0, w1 = (jnp.uint32(c) for c in (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85))
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        (high0, low0), (high1, low1) = product(m0, c0), product(m1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + w0, k1 + w1
    return c0, c1, c2, c3


def normal(seed, n, d):
    """[n, d] draws from N(0, 1) for a seed of two uint32."""
    zero = jnp.uint32(0)
    scrambler = (jnp.uint32(0x3EC8F720), jnp.uint32(0x02461E29))
    k0, k1, c2, c3 = philox((seed[0], zero, seed[1], zero), scrambler)
    group = jnp.arange(-(-n * d // 4), dtype=jnp.uint32)
    none = jnp.zeros_like(group)
    bits = jnp.stack(philox((group, none, none + c2, none + c3), (k0, k1)), axis=1)
    uniform = jax.lax.bitcast_convert_type(bits & 0x7FFFFF | 0x3F800000, jnp.float32) - 1
    radius = jnp.sqrt(-2 * jnp.log(jnp.maximum(uniform[:, 0::2], 1e-7)))  # Box & Muller (1958)
    angle = 2 * jnp.pi * uniform[:, 1::2]
    points = jnp.stack([radius * jnp.sin(angle), radius * jnp.cos(angle)], axis=2)
    return points.reshape(-1)[: n * d].reshape(n, d)


# ---- networks: each convolution is one product of matrices, which models side by side can share ------


def down(x, kernel, bias):
    """Convolution 3 × 3 with stride 2, without padding."""
    side = (x.shape[1] - 1) // 2
    cuts = [slice(i, i + 2 * side - 1, 2) for i in range(3)]
    patches = jnp.concatenate([x[:, i, j] for i in cuts for j in cuts], axis=-1)
    return patches @ kernel.reshape(-1, kernel.shape[-1]) + bias


def given(x, kernel):
    """What each pixel gives to each of 3 × 3 places: [n, height, width, 3, 3, filters]."""
    out = x @ kernel.transpose(3, 0, 1, 2).reshape(kernel.shape[3], -1)
    return out.reshape(*x.shape[:3], 3, 3, kernel.shape[2])


def moved(x, axis):
    """Every row one place later, zeros coming in."""
    pads = [(int(i == axis), 0) for i in range(x.ndim)]
    return jax.lax.slice_in_dim(jnp.pad(x, pads), 0, x.shape[axis], axis=axis)


def up(x, kernel, bias):
    """Transposed convolution 3 × 3 with stride 2: pixel p gives to 2p, 2p + 1 and 2p + 2."""
    t = given(x, kernel)
    t = jnp.stack([t[:, :, :, 0] + moved(t[:, :, :, 2], 1), t[:, :, :, 1]], axis=2)
    t = jnp.stack([t[..., 0, :] + moved(t[..., 2, :], 3), t[..., 1, :]], axis=4)
    n, height, _, width, _, filters = t.shape
    return t.reshape(n, 2 * height, 2 * width, filters) + bias


def same(x, kernel, bias):
    """Transposed convolution 3 × 3 with stride 1: pixel p gives to p − 1, p and p + 1."""

    def three(parts, axis):
        earlier = jnp.flip(moved(jnp.flip(parts[0], axis), axis), axis)
        return earlier + parts[1] + moved(parts[2], axis)

    t = given(x, kernel)
    t = three([t[:, :, :, i] for i in range(3)], 1)
    return three([t[..., j, :] for j in range(3)], 2) + bias


def encode(w, x):
    x = jax.nn.relu(down(jax.nn.relu(down(x, *w[0:2])), *w[2:4]))
    return x.reshape(len(x), -1) @ w[4] + w[5]


def decode(w, z, side):
    x = jax.nn.relu(z @ w[6] + w[7]).reshape(len(z), side // 4, side // 4, -1)
    return same(jax.nn.relu(up(jax.nn.relu(up(x, *w[8:10])), *w[10:12])), *w[12:14])


# ---- one loss for all models: how much of each summand is in it --------------------------------------


def log_normal(z, mean, logvar):
    return -0.5 * jnp.sum(LOG_2PI + logvar + (z - mean) ** 2 * jnp.exp(-logvar), axis=-1)


def mmd(x, y, of_squares):
    def mean(a, b):
        squares = jnp.sum(a**2, 1)[:, None] + jnp.sum(b**2, 1)[None] - 2 * a @ b.T
        return of_squares(jnp.maximum(squares, 0.0)).mean()

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def loss_terms(w, x, how, step, d):
    """The loss of one model on one batch, and its terms; ``how`` holds the model's settings."""
    noise, prior = (
        normal((how["seed"], how["draws"] * step + how[which]), len(x), d)
        for which in ("noise_at", "prior_at")
    )
    mean, logvar = jnp.split(encode(w, x), 2, axis=1)
    z = mean + how["stochastic"] * jnp.exp(0.5 * logvar) * noise
    logits = decode(w, z, x.shape[1])
    entropy = jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    logpx_z = -entropy.sum(axis=(1, 2, 3)).mean()
    squared_error = ((x - jax.nn.sigmoid(logits)) ** 2).mean()
    logpz, logqz_x = log_normal(z, 0.0, 0.0).mean(), log_normal(z, mean, logvar).mean()
    published = mmd(z, prior, lambda squares: jnp.exp(-squares / d**2))
    imq = mmd(z, prior, lambda squares: 2.0 * d / (2.0 * d + squares))
    terms = {
        "reconstruction": jnp.where(how["bernoulli"] > 0, -logpx_z, squared_error),
        "divergence": how["beta"] * (logqz_x - logpz),
        "mmd": how["published"] * published + how["imq"] * imq,
    }
    loss = sum(terms.values())
    return loss, {"loss": loss, **terms, "logpx_z": logpx_z, "logpz": logpz, "logqz_x": logqz_x}


def adam(w, first, second, gradient, rate, step):
    """One step of Adam (Kingma & Ba 2015), with Keras's ε."""
    t = step.astype("float32") + 1
    rate = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - 0.9), first, gradient)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - 0.999), second, gradient)
    w = jax.tree.map(lambda a, m, v: a - m * rate / (jnp.sqrt(v) + 1e-7), w, first, second)
    return w, first, second


@functools.cache
def epoch_of(d):
    """The function that trains models of d latent dimensions for one epoch, side by side.

    It takes the models' state (weights and Adam's two moments, models in front), the images' order
    [steps, models, batch], the settings {name: [models]}, uint8 images and the number of its first step,
    and returns the new state and {term: mean over the epoch [models]}.
    """

    def one(state, order, how, images, step):
        w, first, second = state
        x = images[order.astype("int32") + how["images_at"]].astype("float32") / 255
        (_, terms), gradient = jax.value_and_grad(loss_terms, has_aux=True)(w, x, how, step, d)
        return adam(w, first, second, gradient, how["rate"], step), terms

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state, orders, how, images, start):
        def body(state, step_and_order):
            step, order = step_and_order
            return jax.vmap(one, (0, 0, 0, None, None))(state, order, how, images, step)

        steps = start + jnp.arange(len(orders), dtype=jnp.uint32)
        state, terms = jax.lax.scan(body, state, (steps, orders))
        return state, {name: values.mean(axis=0) for name, values in terms.items()}

    return epoch


@jax.jit
def codes_of(w, pictures):
    """Means of q(z|x), or codes: [models, n, d], float16, of uint8 pictures [models, n, …]."""

    def one(w, x):
        return jnp.split(encode(w, x.astype("float32") / 255), 2, axis=1)[0]

    return jax.vmap(one)(w, pictures).astype("float16")


# ---- many trainings --------------------------------------------------------------------------------


def train_together(rows, starts):
    """Train models of one shape side by side: for each, a dict of arrays to be kept."""
    d, names = rows[0]["latent_dim"], sorted({row["dataset"] for row in rows})
    pictures = {name: np.load(starts / f"{name}.npz") for name in names}
    parts = [pictures[name]["train"] for name in names]
    images, n = jnp.asarray(np.concatenate(parts)), len(parts[0])
    tests = jnp.asarray(np.stack([pictures[row["dataset"]]["test"] for row in rows]))
    orders = [np.load(starts / f"order-{n}-{row['seed']}.npy", mmap_mode="r") for row in rows]
    how = {
        key: jnp.array([row["how"][key] for row in rows], "uint32" if key in WHOLE else "float32")
        for key in rows[0]["how"]
    }
    how["images_at"] = jnp.array([n * names.index(row["dataset"]) for row in rows], "int32")
    weights = [np.load(starts / f"{row['name']}.npz") for row in rows]
    w = [jnp.asarray(np.stack([own[name] for own in weights])) for name in weights[0].files]
    state, history = (w, *([jnp.zeros_like(a) for a in w] for _ in range(2))), []
    kept = {"codes 0": np.asarray(codes_of(w, tests))}
    for epoch in range(1, rows[0]["epochs"] + 1):
        start = time.perf_counter()
        order = np.stack([o[epoch - 1].reshape(-1, BATCH) for o in orders], axis=1)
        first = jnp.uint32((epoch - 1) * len(order))
        state, terms = epoch_of(d)(state, jnp.asarray(order), how, images, first)
        terms = {name: np.asarray(values) for name, values in terms.items()}
        seconds = (time.perf_counter() - start) / len(rows)
        history.append(terms | {"seconds": np.full(len(rows), round(seconds, 3))})
        print(f"{len(rows)} × {rows[0]['name']}: epoch {epoch}, {seconds:.2f} s each", flush=True)
        if epoch in KEPT_CODES or epoch == rows[0]["epochs"]:
            kept[f"codes {epoch}"] = np.asarray(codes_of(state[0], tests))
        if epoch in KEPT_WEIGHTS:
            kept |= {f"w{epoch} {i}": np.asarray(a, "float16") for i, a in enumerate(state[0])}
    kept |= {f"w {i}": np.asarray(a) for i, a in enumerate(state[0])}
    for k in range(len(rows)):
        told = [{name: float(values[k]) for name, values in epoch.items()} for epoch in history]
        yield {key: a[k] for key, a in kept.items()} | {"history": json.dumps(told)}


def main(starts, done):
    jax.config.update("jax_default_matmul_precision", "highest")  # no TF32: as a CPU computes
    done.mkdir(parents=True, exist_ok=True)
    groups = {}
    for row in json.loads((starts / "trainings.json").read_text()):
        if not (done / f"{row['name']}.npz").exists():
            groups.setdefault((*row["shape"], row["latent_dim"], row["epochs"]), []).append(row)
    by = f"jax {jax.__version__}, {jax.devices()[0].device_kind}"
    for group in groups.values():
        for i in range(0, len(group), SIDE_BY_SIDE):
            rows = group[i : i + SIDE_BY_SIDE]
            for row, arrays in zip(rows, train_together(rows, starts), strict=True):
                part = done / "part.npz"
                np.savez_compressed(part, **arrays, by=by)
                part.rename(done / f"{row['name']}.npz")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
