// What a model is, by the files in it, and Python that loads it. Pure.
import { quote } from "./clone.js";

/** The first that fits: its files, what it is called, how it is loaded. */
const KINDS = [
  [/(^|\/)saved_model\.pb$/, "TensorFlow SavedModel", ["import tensorflow as tf", "model = tf.saved_model.load(folder)"], true],
  [/\.keras$/, "Keras", ["import keras", "model = keras.models.load_model(file)"]],
  [/\.h5$/, "Keras, HDF5", ["import tensorflow as tf", "model = tf.keras.models.load_model(file)"]],
  [/\.onnx$/, "ONNX", ["import onnxruntime", "model = onnxruntime.InferenceSession(file)"]],
  [/\.safetensors$/, "safetensors", ["from safetensors.torch import load_file", "weights = load_file(file)"]],
  [/\.(pt|pth)$/, "PyTorch", ["import torch", "# a state_dict goes into your own model: model.load_state_dict(found)", "found = torch.load(file, map_location=\"cpu\", weights_only=True)"]],
  [/\.joblib$/, "joblib, as of scikit-learn", ["import joblib", "model = joblib.load(file)"]],
  [/\.(pkl|pickle)$/, "pickle", ["import pickle", "model = pickle.load(open(file, \"rb\"))"]],
];

/** @param {string} folder where it lies @param {{name: string, folder?: boolean}[]} members
 * @returns {{framework: string|null, code: string}} */
export function useOf(folder, members) {
  const names = members.filter((each) => !each.folder).map((each) => each.name.replace(/^\.\//, ""));
  for (const [pattern, framework, lines, whole] of KINDS) {
    const file = names.find((each) => /** @type {RegExp} */ (pattern).test(each));
    if (!file) continue;
    const inside = whole ? file.slice(0, Math.max(0, file.lastIndexOf("/"))) : file;
    const path = inside ? `${folder}/${inside}` : folder;
    const [imports, ...rest] = /** @type {string[]} */ (lines);
    return { framework: String(framework), code: [imports, "", `${whole ? "folder" : "file"} = ${quote(path)}`, ...rest, ""].join("\n") };
  }
  return { framework: null, code: "" };
}
