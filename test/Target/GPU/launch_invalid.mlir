// RUN: steelyard-opt %s --split-input-file --verify-diagnostics

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @grid(%x: tensor<4xf32>, %y: tensor<4xf32>) {
    // expected-error @below {{takes three positive sizes of its grid and its block}}
    %0 = cuda.launch @kernels::@copy grid = [0, 1, 1] block = [32, 1, 1] ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

// -----

func.func @threads(%y: tensor<4xf32>) {
  // expected-error @below {{has more than 1024 threads in a block}}
  %0 = cuda.launch @kernels::@copy grid = [1, 1, 1] block = [1024, 2, 1] outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @tall(%y: tensor<4xf32>) {
  // expected-error @below {{has more than 65535 blocks along y or z}}
  %0 = cuda.launch @kernels::@copy grid = [1, 65536, 1] block = [1, 1, 1] outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel {
      gpu.return
    }
    gpu.func @helper(%x: memref<4xf32>) {
      gpu.return
    }
  }
  func.func @few(%y: tensor<4xf32>) {
    // expected-error @below {{gives 1 buffers to a kernel of 2}}
    %0 = cuda.launch @kernels::@copy grid = [1, 1, 1] block = [32, 1, 1] outs(%y : tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel {
      gpu.return
    }
    gpu.func @helper(%x: memref<4xf32>) {
      gpu.return
    }
  }
  func.func @helper(%y: tensor<4xf32>) {
    // expected-error @below {{@kernels::@helper is no kernel}}
    %0 = cuda.launch @kernels::@helper grid = [1, 1, 1] block = [32, 1, 1] outs(%y : tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel {
      gpu.return
    }
    gpu.func @helper(%x: memref<4xf32>) {
      gpu.return
    }
  }
  func.func @size(%x: tensor<5xf32>, %y: tensor<4xf32>) {
    // expected-error @below {{gives 'tensor<5xf32>' for 'memref<4xf32>'}}
    %0 = cuda.launch @kernels::@copy grid = [1, 1, 1] block = [32, 1, 1] ins(%x : tensor<5xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
    return
  }
}
